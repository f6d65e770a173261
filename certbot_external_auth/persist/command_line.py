"""The flags of `persist`, and what they ask for."""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from certbot_external_auth import accounts
from certbot_external_auth.accounts import Account
from certbot_external_auth.challenges import guard
from certbot_external_auth.console import certbot_folders
from certbot_external_auth.endpoint import Endpoint, EndpointError, parse_list
from certbot_external_auth.errors import UsageError
from certbot_external_auth.persist import formats
from certbot_external_auth.persistent_records import Draft, fits, proven, trust
from certbot_external_auth.text import quoted

DNS_PORT = 53
EPILOG = """\
examples:
  certbot-external-auth persist -d example.org -d '*.example.org'
  certbot-external-auth persist -d example.org --look
  certbot-external-auth persist -d example.org --server https://acme.ca.example/directory --account-uri URL

It makes no order, and changes nothing. Without -d, the names, servers and accounts are those of the certificates that
Certbot renews with dns-persist-01 or, if there are none, of all certificates.
Exit code: 0 if the records were printed, or all stand; 1 if not; 2 for wrong use; 3 if a server did not tell.
"""


@dataclass(frozen=True)
class Setting:
    """What was asked for.

    :ivar names: the domains that were typed, and whether each needs a wildcard.
    :ivar wildcard: all need one.
    :ivar servers: URLs of directories that were typed.
    :ivar ids: the accounts to use, by Certbot's names for them.
    :ivar account: the account that was typed; None to take it from Certbot's files.
    :ivar until: the value of persistUntil.
    :ivar zones: the zones that the names lie in.
    :ivar shape: of `formats.FORMATS`.
    """

    config_dir: str
    names: dict[str, bool]
    servers: tuple[str, ...] = ()
    wildcard: bool = False
    ids: tuple[str, ...] = ()
    account: Account | None = None
    issuer: str = ""
    draft: Draft | None = None
    hash_prefix: str = ""
    until: int | None = None
    zones: tuple[str, ...] = ()
    shape: str = "zone"
    look: bool = False
    nameservers: tuple[Endpoint, ...] = ()

    @property
    def offline(self) -> bool:
        """Whether the flags say all that a directory would."""
        known = self.draft is not None and bool(self.issuer)
        return known and (self.draft is not Draft.D02 or bool(self.hash_prefix))


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's flags."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("-d", "--domain", "--domains", action="append", dest="domains", metavar="NAME", help="a name; may be repeated")
    add("--wildcard", action="store_true", help="allow wildcards of all names")
    add("--until", metavar="DATE", help="when the records end: 2027-12-31, or 2027-12-31T12:00:00Z (default: never)")
    text = "directory of the CA; may be repeated (default: as Certbot's)"
    add("--server", action="append", dest="servers", metavar="URL", help=text)
    text = "Certbot's name of the account, if there are several; may be repeated"
    add("--account", action="append", dest="accounts", metavar="ID", help=text)
    add("--account-uri", metavar="URL", help="the account's URL, on a machine that does not have the account")
    add("--thumbprint", metavar="TEXT", help="with --account-uri: the thumbprint of its key, which draft 02 needs")
    add("--issuer", metavar="NAME", help="the CA's name in the record (default: from the directory)")
    add("--draft", choices=[each.value for each in Draft], help="of dns-persist-01 (default: from the directory)")
    text = "with --draft 02: accountHashPrefix (default: from the directory)"
    add("--hash-prefix", metavar="URL", help=text)
    add("--format", choices=tuple(formats.FORMATS), default="zone", help="what to print (default: zone)")
    text = "the zone of the names, for octodns and terraform; may be repeated"
    add("--zone", action="append", dest="zones", metavar="NAME", help=text)
    add("--look", action="store_true", help="say for each record whether it stands, and else why not")
    text = "ask this server instead of the zone's own name servers; may be repeated"
    add("--nameserver", action="append", dest="nameservers", metavar="HOST[:PORT]", help=text)
    certbot_folders.arguments(parser, "config-dir")


def read(given: argparse.Namespace, now: int) -> Setting:
    """Return what the flags ask for.

    :raises UsageError: with a sentence for each flag that is wrong.
    """
    problems = [*_problems(given)]
    names: dict[str, bool] = {}
    until: int | None = None
    nameservers: tuple[Endpoint, ...] = ()
    try:
        names = _names(given.domains or ())
        until = None if given.until is None else moment(given.until, now)
        nameservers = tuple(one for text in given.nameservers or () for one in parse_list(text, DNS_PORT))
    except EndpointError as error:
        problems.append(f"--nameserver: {error}")
    except UsageError as error:
        problems += error.problems
    if problems:
        raise UsageError(problems)
    typed = given.account_uri is not None
    return Setting(
        config_dir=certbot_folders.found({"config-dir": given.config_dir})[0],
        names=names,
        servers=tuple(dict.fromkeys(given.servers or ())),
        wildcard=given.wildcard,
        ids=tuple(given.accounts or ()),
        account=Account(given.account_uri, given.thumbprint or "") if typed else None,
        issuer=given.issuer or "",
        draft=None if given.draft is None else Draft(given.draft),
        hash_prefix=given.hash_prefix or "",
        until=until,
        zones=tuple(zone.lower().removesuffix(".") for zone in given.zones or ()),
        shape=given.format,
        look=given.look,
        nameservers=nameservers,
    )


def _problems(given: argparse.Namespace) -> Iterable[str]:
    """Yield a sentence for each flag that cannot be used as it is."""
    if given.account_uri is not None and given.accounts:
        yield "--account names an account of this machine, and --account-uri one of another; give only one of them."
    if given.account_uri is None and given.thumbprint is not None:
        yield "--thumbprint belongs to --account-uri; give both."
    if given.account_uri is not None and accounts.foreign(given.account_uri, given.account_uri):
        yield f"--account-uri {quoted(given.account_uri)}: give the whole URL of the account, https://…"
    if given.account_uri is not None and len(given.servers or ()) > 1:
        yield "--account-uri: an account belongs to one server; give one --server."
    if given.thumbprint is not None and not trust.is_thumbprint(given.thumbprint):
        yield f"--thumbprint {quoted(given.thumbprint)}: a thumbprint has 43 letters, digits, - and _."
    if given.issuer is not None and not trust.is_issuer(given.issuer):
        yield f"--issuer {quoted(given.issuer)}: give a domain name in lower case."
    if given.hash_prefix is not None and not trust.is_uri(given.hash_prefix):
        yield f"--hash-prefix {quoted(given.hash_prefix)}: give the beginning of a URL."
    if given.zones and not all(guard.well_formed(zone.removesuffix("."), "dns") for zone in given.zones):
        yield f"--zone {quoted(','.join(given.zones))}: give domain names."


def _names(words: Sequence[str]) -> dict[str, bool]:
    typed = [name.strip() for word in words for name in word.split(",") if name.strip()]
    found = proven(typed)
    wrong = [name for name in found if not guard.well_formed(name, "dns")]
    if wrong:
        raise UsageError([f"-d {quoted(name)}: give a domain name; other scripts as xn--…" for name in wrong])
    long = [name for name in found if not fits(name)]
    if long:
        raise UsageError([f"-d {name}: the name is too long for such a record." for name in long])
    return found


def moment(text: str, now: int) -> int:
    """Return the seconds since 1970 of a date (its beginning, in UTC), or of a date with a time.

    :raises UsageError: if the text is not one, or if it has passed.
    """
    try:
        found = datetime.datetime.fromisoformat(text.upper().replace("Z", "+00:00"))
    except ValueError:
        raise UsageError([f"--until {quoted(text)}: give a date, 2027-12-31 or 2027-12-31T12:00:00Z."]) from None
    aware = found if found.tzinfo is not None else found.replace(tzinfo=datetime.timezone.utc)
    seconds = int(aware.timestamp())
    if seconds <= now:
        raise UsageError([f"--until {quoted(text)}: this has passed, so no CA would accept the record."])
    return seconds
