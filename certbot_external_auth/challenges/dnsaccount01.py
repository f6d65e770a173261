"""Facts of dns-account-01, draft-ietf-acme-dns-account-label-02.

The value is that of dns-01. The name has a label that belongs to the account, so several accounts can prove one name.
"""

from __future__ import annotations

import base64
import hashlib
import re

from certbot_external_auth.challenges import dns01

TYPE = "dns-account-01"
LABEL = re.compile(r"_[a-z2-7]{16}")
"""The form of the label of an account."""
_BYTES = 10


def label(account_url: str) -> str:
    """Return the label of an account (section 3.2): ``"_" || base32(SHA-256(<ACCOUNT_URL>)[0:10])``, in lower case."""
    digest = hashlib.sha256(account_url.encode("ascii")).digest()
    return "_" + base64.b32encode(digest[:_BYTES]).decode("ascii").lower()


def txt_domain(domain: str, account_label: str) -> str:
    """Return the name of the record (section 3.2): the label of the account is in front of the name of dns-01."""
    return f"{account_label}.{dns01.txt_domain(domain)}"
