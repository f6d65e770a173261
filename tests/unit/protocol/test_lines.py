"""Lines that only a private CA has driven since 2019, as the README of 2016 shows them."""

from __future__ import annotations

import dataclasses
import datetime
import json

from certbot_external_auth.challenges import Challenge, Served
from certbot_external_auth.protocol import lines
from tests.support import historic
from tests.support.challenges import KEY_AUTHORIZATION, LASTING, TOKEN


def test_tls_sni_is_the_line_of_2016() -> None:
    served = Served("/c.pem", "/k.pem", "-----BEGIN CERTIFICATE-----\n", 443)
    token = "x" * 43
    challenge = Challenge("c1", "tls-sni-01", "w.example", "dns", token, f"{token}.{token}", served)
    line = lines.historic(lines.perform_challenge(challenge))
    assert historic.without_values(json.dumps(line)) == [historic.PERFORM_TLS_SNI]


def test_a_record_that_stays_is_apart_from_what_is_removed() -> None:
    """Guards against a driver that removes at the end all that it found in `txt`."""
    passing = Challenge("c2", "dns-account-01", "a.example", "dns", TOKEN, KEY_AUTHORIZATION)
    passing = dataclasses.replace(passing, account_label="_ujmmovf2vn55tgye")
    line = lines.waiting([LASTING, passing], datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc))
    assert line["txt"] == {"_ujmmovf2vn55tgye._acme-challenge.a.example": [passing.validation]}
    assert line["persist"] == {"_validation-persist.a.example": [LASTING.validation]}
    assert list(line["aliases"]) == ["_validation-persist.a.example"]
    alone = lines.waiting([passing], datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc))
    assert "persist" not in alone
    told = lines.perform_challenge(LASTING)
    assert (told["persist"], told["issuers"], told["account_uri"]) == (
        True,
        ["ca.example"],
        "https://ca.example/acct/1",
    )
    assert not {"persist", "issuers", "account_uri"} & set(lines.perform_challenge(passing))
