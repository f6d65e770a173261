"""Challenges of every type, a certificate and what a handler is told about the run, for tests of dialects."""

from __future__ import annotations

from certbot_external_auth.accounts import Account
from certbot_external_auth.challenges import Challenge, Served
from certbot_external_auth.dialects import Facts
from certbot_external_auth.lineages.deployment import Deployment
from certbot_external_auth.persistent_records import Draft, Need, Terms

TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
KEY_AUTHORIZATION = f"{TOKEN}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
"""The example of RFC 8555 section 8.3."""
DIGEST = "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo"
"""Its SHA-256, as section 8.4 has it."""
DIGEST_IN_HEX = "2c:fb:08:c1:3a:3b:a3:c0:68:1b:4f:af:8c:2c:86:40:60:56:49:52:0f:c4:8f:a2:fd:7d:f7:e9:e5:0e:41:9a"

DNS = Challenge("c1", "dns-01", "a.example", "dns", TOKEN, KEY_AUTHORIZATION)
HTTP = Challenge("c2", "http-01", "b.example", "dns", TOKEN, KEY_AUTHORIZATION)
SERVED = Served("/w/192.crt.pem", "/w/192.key.pem", "-----BEGIN CERTIFICATE-----\n", 443)
ALPN = Challenge("c3", "tls-alpn-01", "192.0.2.1", "ip", TOKEN, KEY_AUTHORIZATION, SERVED)
LASTING = Challenge(
    "c4",
    "dns-persist-01",
    "a.example",
    "dns",
    "",
    "",
    txt_target="x.example",
    txt_zone="example",
    need=Need("a.example", False, Terms(Draft.D01, ("ca.example",)), Account("https://ca.example/acct/1", "t" * 43)),
)

FACTS = Facts(alias="lineage", names=("a.example", "b.example", "192.0.2.1"), config_dir="/c", work_dir="/w")
DEPLOYMENT = Deployment(
    id="d1",
    lineage="lineage",
    domain="a.example",
    domains=("a.example", "b.example"),
    cert_path="/c/cert",
    key_path="/c/key",
    chain_path="/c/chain",
    fullchain_path="/c/fullchain",
    timestamp=1700000000,
    cert_timestamp=1700000001.5,
    not_after="2027-01-02T03:04:05.000Z",
    sha256="5e" * 32,
)
