"""Reasons why no record at a name allows what is needed, as values. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from certbot_external_auth.persistent_records.issue_value import Fault
from certbot_external_auth.persistent_records.record import Draft


class Kind(enum.Enum):
    """Why a record is not enough. The kinds stand in the order in which they help: the nearest miss first."""

    EXPIRED = "expired"
    """Right, but persistUntil has passed."""
    NO_WILDCARD_POLICY = "no_wildcard_policy"
    """Right, but without policy=wildcard, which the wildcard needs."""
    ISSUER_FORM = "issuer_form"
    """The CA's name has capital letters or a dot at its end, and some CAs compare letter by letter."""
    SYNTAX = "syntax"
    OTHER_DRAFT = "other_draft"
    """The right account, in the form of another draft."""
    OTHER_NAME = "other_name"
    """The hash was made for another name: the record was copied."""
    OTHER_HASH = "other_hash"
    """A hash of the right account, but not made as draft 02 says, or with another beginning."""
    OTHER_KEY = "other_key"
    """A hash that does not fit: made with an older key of the account, or for an account that is not known here."""
    TEST_SERVER = "test_server"
    """An account at a staging server, as after ``--dry-run``, while the certificate comes from another one."""
    NOT_TEST_SERVER = "not_test_server"
    """An account at another server, while this run asks a staging server."""
    OTHER_ACCOUNT = "other_account"
    """Another account at the same server."""
    OTHER_SERVER = "other_server"
    """An account at another server, under this CA's name."""
    OTHER_CA = "other_ca"
    UNRELATED = "unrelated"
    """TXT records that are not for this challenge type."""
    NO_RECORD = "no_record"


HELPFUL = tuple(Kind)


@dataclass(frozen=True)
class Reason:
    """Why one record, or the lack of it, is not enough.

    :ivar record: the record that this is about; empty if there is none.
    :ivar found: what it has: the issuer, the account, the policy, or the part of it that is wrong.
    :ivar wanted: what the CA accepts in place of it.
    :ivar fault: for `Kind.SYNTAX`.
    :ivar until: for `Kind.EXPIRED`.
    :ivar draft: for `Kind.OTHER_DRAFT`: the draft that the CA speaks.
    """

    kind: Kind
    record: str = ""
    found: str = ""
    wanted: tuple[str, ...] = ()
    fault: Fault | None = None
    until: int | None = None
    draft: Draft | None = None
