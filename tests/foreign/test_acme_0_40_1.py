"""tls-sni-01 as its own library knew it: acme 0.40.1 of 2019 verifies what is built here (tox -e acme0401).

The CA of the other tests and the plugin are by the same hands; this verifier is not.
"""

from __future__ import annotations

import datetime

import josepy
import OpenSSL
import pytest
from acme import challenges
from cryptography.hazmat.primitives.asymmetric import rsa

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.validation_certificates import build
from tests.support.snica import thumbprint, z_name

TOKEN = bytes(range(32))


@pytest.fixture(scope="module")
def account_key() -> josepy.JWKRSA:
    return josepy.JWKRSA(key=rsa.generate_private_key(65537, 2048))


@pytest.fixture
def challenge(account_key: josepy.JWKRSA) -> Challenge:
    theirs = challenges.TLSSNI01(token=TOKEN)
    key_authorization = theirs.key_authorization(account_key)
    return Challenge("c1", "tls-sni-01", "www.example.org", "dns", theirs.encode("token"), key_authorization)


def certificate(challenge: Challenge) -> OpenSSL.crypto.X509:
    pem, _ = build.build(challenge, datetime.datetime.now(datetime.timezone.utc))
    return OpenSSL.crypto.load_certificate(OpenSSL.crypto.FILETYPE_PEM, pem)


def test_it_verifies_our_certificate(challenge: Challenge) -> None:
    response = challenges.TLSSNI01Response(key_authorization=challenge.key_authorization)
    assert response.z_domain.decode() == challenge.server_name == challenge.validation
    assert response.verify_cert(certificate(challenge)) is True


def test_it_refuses_the_certificate_of_another_challenge(challenge: Challenge) -> None:
    response = challenges.TLSSNI01Response(key_authorization=challenge.key_authorization + "x")
    assert response.verify_cert(certificate(challenge)) is False


def test_the_front_of_the_tests_computes_the_same(challenge: Challenge, account_key: josepy.JWKRSA) -> None:
    found = f"{challenge.token}.{thumbprint(account_key.public_key().to_json())}"
    assert found == challenge.key_authorization
    response = challenges.TLSSNI01Response(key_authorization=found)
    assert z_name(found) == response.z_domain.decode()
