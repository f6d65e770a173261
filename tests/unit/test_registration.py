"""Registering challenge types with acme, only those that are missing; each test has an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

BEFORE = """
from acme import challenges
taken = type("Theirs", (challenges.KeyAuthorizationChallenge,), {"typ": "tls-alpn-01"})
challenges.Challenge.register(taken)
"""


def run(code: str) -> str:
    words = [sys.executable, "-W", "ignore", "-c", code]
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


@pytest.mark.versions
def test_what_another_plugin_registered_first_stays() -> None:
    """Guards against breaking that plugin, since Certbot compares classes."""
    code = f"{BEFORE}\nimport certbot_external_auth.plugin\nprint(challenges.Challenge.TYPES['tls-alpn-01'] is taken)"
    assert run(code) == "True"


@pytest.mark.versions
def test_acmes_own_class_stays_and_ours_fill_the_gaps() -> None:
    code = """
from acme import challenges
own = challenges.Challenge.TYPES.get("tls-alpn-01")
import certbot_external_auth.plugin
found = challenges.Challenge.TYPES
print(own is None or found["tls-alpn-01"] is own, {"tls-sni-01", "dns-account-01"} <= set(found))
"""
    assert run(code) == "True True"


@pytest.mark.versions
@pytest.mark.parametrize("kind", ["tls-alpn-01", "tls-sni-01", "dns-account-01"])
def test_read_from_a_ca_and_answered(kind: str) -> None:
    code = f"""
import certbot_external_auth.plugin, josepy
from acme import challenges
from cryptography.hazmat.primitives.asymmetric import rsa
token = "AAEAAQABAAEAAQABAAEAAQABAAEAAQABAAEAAQABAAE"
found = challenges.Challenge.from_json({{"type": "{kind}", "token": token}})
key = josepy.JWKRSA(key=rsa.generate_private_key(65537, 2048))
print(found.typ, found.key_authorization(key).startswith(token + "."), found.response(key).to_partial_json())
"""
    assert run(code) == kind + " True {}"


@pytest.mark.versions
@pytest.mark.parametrize(
    "members",
    [
        {"issuer-domain-names": ["ca.example"], "token": ""},
        {"issuer-domain-names": ["ca.example"], "accounturi": "https://ca.example/acct/1"},
        {"issuerDomainNames": ["ca.example"]},
        {"issuerDomainNames": {"a": [1, None]}, "token": [], "accounturi": 7},
    ],
)
def test_a_challenge_without_a_token(members: dict[str, object]) -> None:
    """Guards against an authorization that cannot be read, and an empty body in place of `{}`.

    The library sends an empty body, which only asks for the state, if the answer is false.
    """
    code = f"""
import certbot_external_auth.plugin, josepy, json
from acme import challenges, messages
from cryptography.hazmat.primitives.asymmetric import rsa
sent = {{"type": "dns-persist-01", "url": "https://ca.example/1", "status": "pending", **{members!r}}}
body = messages.ChallengeBody.from_json(sent)
key = josepy.JWKRSA(key=rsa.generate_private_key(65537, 2048))
answer = challenges.ChallengeResponse.TYPES["dns-persist-01"]()
found = json.loads(body.chall.json_dumps())
print(isinstance(body.chall, challenges.KeyAuthorizationChallenge), body.chall.key_authorization(key)[0],
      bool(answer), answer.json_dumps(), isinstance(hash(body.chall), int), {members!r}.items() <= found.items())
"""
    assert run(code) == "True . True {} True True"


@pytest.mark.versions
def test_a_class_for_persistent_records_that_another_plugin_has_registered_stays() -> None:
    """Guards against breaking that plugin, and against an answer that its class cannot make."""
    code = """
from acme import challenges
theirs = challenges.Challenge.register(type("Theirs", (challenges.Challenge,), {"typ": "dns-persist-01"}))
answer = type("Answer", (challenges.ChallengeResponse,), {"typ": "dns-persist-01", "__bool__": lambda self: True})
challenges.ChallengeResponse.register(answer)
from certbot_external_auth import plugin
from types import SimpleNamespace
found = plugin._response(SimpleNamespace(chall=theirs()))
print(challenges.Challenge.TYPES["dns-persist-01"] is theirs, type(found) is answer)
"""
    assert run(code) == "True True"


def test_the_library_drops_what_only_the_newest_draft_has() -> None:
    """If it no longer does, the second question for the directory is not needed."""
    code = """
from acme import messages
members = {"accountHashPrefix": "https://ca.example/", "issuerDomainNames": ["ca.example"]}
found = messages.Directory.from_json({"newOrder": "https://ca.example/new", "meta": members})
print(found.meta.to_partial_json())
"""
    assert run(code) == "{}"


def test_an_acme_that_does_not_let_itself_be_extended_breaks_no_import() -> None:
    """Guards against breaking every Certbot command of the host."""
    code = """
from acme import challenges
for typ in ("tls-alpn-01", "tls-sni-01", "dns-account-01", "dns-persist-01"):
    challenges.Challenge.TYPES.pop(typ, None)
del challenges.KeyAuthorizationChallenge
import certbot_external_auth.registration as found
found.ensure()
print("tls-alpn-01" in challenges.Challenge.TYPES)
"""
    assert run(code) == "False"
