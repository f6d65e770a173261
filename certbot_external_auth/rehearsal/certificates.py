"""The certificates of this plugin on a host, as Certbot has left them."""

from __future__ import annotations

from collections.abc import Collection

from certbot_external_auth.configuration import kept_options
from certbot_external_auth.errors import UsageError
from certbot_external_auth.rehearsal import lineage as of_lineage
from certbot_external_auth.rehearsal.findings import Finding, Kind, Outcome
from certbot_external_auth.rehearsal.subject import Host, Subject, chosen
from certbot_external_auth.settings import HISTORIC_NAME, NAME


def found(host: Host, named: Collection[str]) -> list[Subject | Outcome]:
    """Return each certificate, or what is wrong with it if it cannot be read.

    :param named: of the command line; all if it is empty.
    :raises UsageError: if one of them does not exist, or is not renewed by this plugin.
    """
    read = (_one(name, host, bool(named)) for name in chosen(host.config_dir, named))
    return [one for one in read if one is not None]


def _one(name: str, host: Host, asked: bool) -> Subject | Outcome | None:
    """Return a lineage; what is wrong with it if it cannot be read; or None if it is not this plugin's.

    :param asked: it was named on the command line.
    """
    try:
        kept = kept_options.read(host.config_dir, name)
    except UsageError as error:
        # Certbot skips a file that it cannot parse, whatever plugin it names.
        return Outcome(name, findings=(Finding(Kind.RENEWAL_FILE, {"text": str(error)}),))
    if kept is None or not (kept.names(NAME) or kept.names(HISTORIC_NAME)):
        if asked:
            raise UsageError([f"The certificate {name} is not renewed by this plugin."])
        return None
    read = of_lineage.read(host.config_dir, name)
    return Outcome(name, findings=(read,)) if isinstance(read, Finding) else Subject(name, kept, read)
