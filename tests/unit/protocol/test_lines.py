"""Lines that only a private CA has driven since 2019, as the README of 2016 shows them."""

from __future__ import annotations

import json

from certbot_external_auth.challenges import Challenge, Served
from certbot_external_auth.protocol import lines
from tests.support import historic


def test_tls_sni_is_the_line_of_2016() -> None:
    served = Served("/c.pem", "/k.pem", "-----BEGIN CERTIFICATE-----\n", 443)
    token = "x" * 43
    challenge = Challenge("c1", "tls-sni-01", "w.example", "dns", token, f"{token}.{token}", served)
    line = lines.historic(lines.perform_challenge(challenge))
    assert historic.without_values(json.dumps(line)) == [historic.PERFORM_TLS_SNI]
