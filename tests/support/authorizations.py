"""Makes the CA forget what it has validated.

Even when told to use no valid authorization again, Pebble 2.4 does so for one name in a hundred (its
`makeAuthorizations` compares a number from 0 to 99 by "greater than"), so a renewal would now and then find nothing
to publish.
"""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cryptography
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

FORBIDDEN = 403
# Whether the numbers of Certbot's own key are primes is no question here, and takes longer than all the rest.
UNCHECKED = {"unsafe_skip_rsa_key_validation": True} if int(cryptography.__version__.partition(".")[0]) >= 40 else {}


class Account:
    """An account of Certbot's, as it lies on disk."""

    def __init__(self, folder: Path, ca_bundle: Path) -> None:
        self._uri = json.loads((folder / "regr.json").read_text())["uri"]
        self._key = _key(json.loads((folder / "private_key.json").read_text()))
        context = ssl.create_default_context(cafile=str(ca_bundle))
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def forget(self, urls: Iterable[str]) -> None:
        """Deactivate authorizations (RFC 8555 section 7.5.2), leaving out those of other accounts."""
        for url in urls:
            try:
                self._post(url, {"status": "deactivated"})
            except urllib.error.HTTPError as error:
                error.close()
                if error.code != FORBIDDEN:
                    raise

    def _post(self, url: str, payload: object) -> None:
        nonces = urllib.request.Request(url.partition("/authZ/")[0] + "/nonce-plz", method="HEAD")
        with self._opener.open(nonces, timeout=10) as answer:
            nonce = answer.headers["Replay-Nonce"]
        protected = _encoded({"alg": "RS256", "kid": self._uri, "nonce": nonce, "url": url})
        body = _encoded(payload)
        signature = self._key.sign(f"{protected}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
        request = {"protected": protected, "payload": body, "signature": _base64(signature)}
        kind = {"Content-Type": "application/jose+json"}
        self._opener.open(urllib.request.Request(url, json.dumps(request).encode(), kind), timeout=10).close()


def _key(jwk: dict[str, Any]) -> rsa.RSAPrivateKey:
    # Certbot's account keys are RSA in all versions.
    n, e, d, p, q, dp, dq, qi = (_number(jwk[name]) for name in ("n", "e", "d", "p", "q", "dp", "dq", "qi"))
    return rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, rsa.RSAPublicNumbers(e, n)).private_key(**UNCHECKED)


def _number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=="), "big")


def _encoded(value: object) -> str:
    return _base64(json.dumps(value).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
