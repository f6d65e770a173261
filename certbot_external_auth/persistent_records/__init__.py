"""Records of the challenge type dns-persist-01: how they are written and read, and whether one allows a certificate."""

from __future__ import annotations

from certbot_external_auth.persistent_records.judgement import Judgement, judge
from certbot_external_auth.persistent_records.offer import OfferError, Problem, of_challenge, of_directory
from certbot_external_auth.persistent_records.reason import Kind, Reason
from certbot_external_auth.persistent_records.record import (
    Draft,
    Need,
    Terms,
    fits,
    proven,
    record_name,
    strings,
    value,
)

TYPE = "dns-persist-01"

__all__ = [
    "TYPE",
    "Draft",
    "Judgement",
    "Kind",
    "Need",
    "OfferError",
    "Problem",
    "Reason",
    "Terms",
    "fits",
    "judge",
    "of_challenge",
    "of_directory",
    "proven",
    "record_name",
    "strings",
    "value",
]
