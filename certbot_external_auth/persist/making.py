"""From names and accounts to the records that are needed: Certbot's accounts on disk, and the CA's directory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from certbot_external_auth import accounts
from certbot_external_auth.accounts import Account, AccountError, directory
from certbot_external_auth.accounts.directory import DirectoryError
from certbot_external_auth.console import certbot_folders
from certbot_external_auth.errors import UsageError
from certbot_external_auth.persist import renewals
from certbot_external_auth.persist.command_line import Setting
from certbot_external_auth.persist.renewals import Want
from certbot_external_auth.persistent_records import (
    Draft,
    Need,
    OfferError,
    Problem,
    Terms,
    of_directory,
    wording,
)
from certbot_external_auth.text import one_line, quoted


class NotMadeError(Exception):
    """The records cannot be made. The message says why, and what to do."""


@dataclass(frozen=True)
class Entry:
    """One record that is needed.

    :ivar server: URL of the directory; empty if none was needed.
    :ivar until: the value of persistUntil.
    """

    need: Need
    server: str = ""
    until: int | None = None

    @property
    def text(self) -> str:
        """The record to publish."""
        return self.need.value(self.until)


@dataclass(frozen=True)
class Known:
    """An account of Certbot's on this machine.

    :ivar id: Certbot's name for it, which `--account` takes.
    :ivar account: None if its files cannot be used.
    :ivar problem: why not.
    """

    id: str
    account: Account | None
    problem: str = ""


def entries(setting: Setting) -> list[Entry]:
    """Return the records that are needed, for each server and name.

    :raises NotMadeError: if there is no account, or if the CA's directory does not tell what it wants.
    :raises UsageError: if the flags do not say which account, or for which names.
    """
    made = []
    for want in _wants(setting):
        account = setting.account or _chosen(setting.config_dir, want, several=len(setting.servers) > 1)
        terms = _terms(setting, want.server, account)
        made += [
            Entry(Need(domain, wildcard or setting.wildcard, terms, account), want.server, setting.until)
            for domain, wildcard in want.names.items()
        ]
    order = {domain: number for number, domain in enumerate(dict.fromkeys(each.need.domain for each in made))}
    return sorted(made, key=lambda each: order[each.need.domain])


def _wants(setting: Setting) -> list[Want]:
    """Return what the flags ask for, or what the renewals of this machine need."""
    if not setting.names and not setting.servers and setting.account is None:
        found = renewals.wants(setting.config_dir)
        if setting.ids:
            found = [replace(want, ids=setting.ids) for want in found]
    else:
        names = setting.names or renewals.names(setting.config_dir)
        default = "" if setting.account is not None else certbot_folders.server()
        found = [Want(names, server, setting.ids) for server in setting.servers or (default,) if names]
    if not found:
        raise UsageError([f"Certbot has no certificates in {setting.config_dir}, so give the names: -d NAME."])
    return found


def others(setting: Setting) -> list[Account]:
    """Return all accounts on this machine, to recognize the records of the wrong one."""
    found = []
    for folder, names, _ in os.walk(os.path.join(setting.config_dir, "accounts")):
        found += [known.account for known in map(_read, (os.path.join(folder, name) for name in names))]
    return [account for account in found if account is not None]


# --- accounts ---


def _chosen(config_dir: str, want: Want, several: bool) -> Account:
    """Return the account at a server.

    :param several: accounts that were typed may belong to other servers.
    :raises NotMadeError: if there is none that can be used.
    :raises UsageError: if there are several, and no flag chooses one of them.
    """
    server = want.server
    known = list(_at(config_dir, server))
    named = [each for each in known if each.id in want.ids]
    if known and want.ids and not named and not several:
        typed = ", ".join(map(quoted, want.ids))
        raise UsageError([f"Certbot has no account {typed} at {server}. Choose with --account ID: {_listed(known)}"])
    candidates = named or known
    if not candidates:
        raise NotMadeError(f"Certbot has no account at {server}. Make one: certbot register --server {server}")
    if len(candidates) > 1:
        raise UsageError([f"Certbot has several accounts at {server}. Choose with --account ID: {_listed(candidates)}"])
    (chosen,) = candidates
    if chosen.account is None:
        raise NotMadeError(f"The account {chosen.id} cannot be used: {chosen.problem}.")
    if accounts.foreign(chosen.account.uri, server):
        raise NotMadeError(
            f"The account {chosen.id} has the URL {quoted(chosen.account.uri)}, which does not belong to {server}. A "
            "record with it could let another account have certificates."
        )
    return chosen.account


def _listed(known: Sequence[Known]) -> str:
    return ", ".join(f"{each.id} ({each.account.uri if each.account else each.problem})" for each in known)


def _at(config_dir: str, server: str) -> Iterator[Known]:
    """Yield Certbot's accounts at a server: Certbot names the folder by the URL without its scheme."""
    parts = urlsplit(server)
    folder = os.path.join(config_dir, "accounts", parts.netloc, *parts.path.strip("/").split("/"))
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    except OSError as error:
        raise NotMadeError(f"{folder} cannot be read: {error.strerror}.") from error
    for name in names:
        if os.path.isdir(os.path.join(folder, name)):
            yield _read(os.path.join(folder, name))


def _read(folder: str) -> Known:
    try:
        return Known(os.path.basename(folder), accounts.read(folder))
    except AccountError as error:
        return Known(os.path.basename(folder), None, str(error))


# --- the CA ---


def _terms(setting: Setting, server: str, account: Account) -> Terms:
    """Return what the CA wants, from the flags and its directory."""
    if not server and not setting.offline:
        needed = "--issuer and --draft" + (" and --hash-prefix" if setting.draft is Draft.D02 else "")
        raise UsageError([f"Give --server URL, whose directory says what the CA wants, or {needed}."])
    if server and accounts.foreign(account.uri, server):
        raise UsageError([f"--account-uri {quoted(account.uri)} does not belong to {server}; give the CA's --server."])
    told = None if setting.offline else _told(server, setting)
    draft = setting.draft or (told.draft if told else Draft.D01)
    issuers = (setting.issuer,) if setting.issuer else told.issuers if told else ()
    prefix = setting.hash_prefix or (told.hash_prefix if told else "")
    if draft.hashes and not prefix:
        raise NotMadeError(f"The directory {server} has no accountHashPrefix, so the CA does not speak draft 02.")
    if draft.hashes and not account.thumbprint:
        raise UsageError(["Draft 02 needs the thumbprint of the account's key; give --thumbprint."])
    return Terms(draft, issuers, prefix)


def _told(server: str, setting: Setting) -> Terms:
    """Return what the CA's directory tells."""
    try:
        meta = directory.meta(server)
    except DirectoryError as error:
        raise NotMadeError(f"The directory {server} cannot be read: {one_line(str(error))}.") from error
    if setting.issuer and "accountHashPrefix" not in meta:
        meta = {**meta, "caaIdentities": [setting.issuer]}
    try:
        return of_directory(meta)
    except OfferError as error:
        advice = " If you know the CA's name, give it: --issuer NAME" if error.problem is Problem.NO_ISSUERS else ""
        raise NotMadeError(wording.offer(error) + advice) from error
