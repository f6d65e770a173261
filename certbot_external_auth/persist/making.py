"""From names and accounts to the records that are needed: Certbot's accounts on disk, and the CA's directory."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace

from certbot_external_auth import accounts
from certbot_external_auth.accounts import Account, AccountError, directory, stored
from certbot_external_auth.accounts.directory import DirectoryError
from certbot_external_auth.console import certbot_folders
from certbot_external_auth.errors import UsageError
from certbot_external_auth.persist import renewals
from certbot_external_auth.persist.command_line import Setting
from certbot_external_auth.persist.renewals import NotMadeError, Want
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


def others(config_dir: str) -> list[Account]:
    """Return all accounts on this machine, to recognize the records of the wrong one."""
    found = []
    for folder, names, _ in os.walk(os.path.join(config_dir, stored.FOLDER)):
        for name in names:
            with contextlib.suppress(AccountError):
                found.append(accounts.read(os.path.join(folder, name)))
    return found


def _chosen(config_dir: str, want: Want, several: bool) -> Account:
    """Return the account at a server.

    :param several: ids that were typed may belong to other servers.
    :raises NotMadeError: if the account does not belong to the server.
    :raises UsageError: if there is none, or if there are several, and no flag chooses one of them.
    """
    known = stored.stored(config_dir, want.server)
    fitting = [each for each in want.ids if any(name.startswith(each) for name in known)]
    typed = fitting or ([] if several else list(want.ids))
    account = stored.chosen(config_dir, want.server, typed[0] if typed else None)
    if accounts.foreign(account.uri, want.server):
        raise NotMadeError(
            f"Certbot's account has the URL {quoted(account.uri)}, which does not belong to {want.server}. A record "
            "with it could let another account have certificates."
        )
    return account


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
