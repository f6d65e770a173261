# Copyright (c) The authors of certbot-external-auth
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# SPDX-License-Identifier: Apache-2.0

"""Read certificates and keys with the program openssl, since a managed host may have no Python library for it."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import re
import ssl

_PEM = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_DATE = re.compile(r"^(notBefore|notAfter)=(.*)$", re.MULTILINE)
_NAME = re.compile(r"(?:DNS|IP Address):([^,\s]+)")
_EXTENSIONS = re.compile(r":(?:Microsoft )?Extension Request$", re.MULTILINE)
_KEY = re.compile("-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


class UnreadableError(Exception):
    """What should be a certificate or a key cannot be read."""


def content_of(path):
    """Return what is in a file; None if it does not exist."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def fingerprint(text):
    """Return the SHA-256 fingerprint of the first certificate in a text, in lower-case hex."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first(text))).hexdigest()


def first(text):
    """Return the first certificate in a text, which is that of the server in a file with a chain."""
    found = _PEM.search(text)
    if found is None:
        raise UnreadableError("It has no certificate.")
    return found.group(0) + "\n"


def described(module, text):
    """Return names, dates, fingerprint and public key of the first certificate in a text."""
    pem = first(text)
    words = ["x509", "-noout", "-dates", "-ext", "subjectAltName", "-pubkey"]
    said = openssl(module, words, pem)
    dates = dict(_DATE.findall(said))
    key = _KEY.search(said)
    if len(dates) != 2 or key is None:
        raise UnreadableError("openssl did not print the dates and the key of the certificate.")
    return {
        "domains": _names(said),
        "not_before": _time(dates["notBefore"]),
        "not_after": _time(dates["notAfter"]),
        "sha256": fingerprint(pem),
        "public_key": key.group(0),
    }


def _names(said):
    return [normal(name) for name in _NAME.findall(said)]


def normal(name):
    """Return a name or an IP address in the one form in which they are compared."""
    name = name.lower().rstrip(".")
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name


def _time(text):
    """Read a date as openssl prints it, `Nov 29 02:40:09 2026 GMT`."""
    return datetime.datetime.fromtimestamp(ssl.cert_time_to_seconds(text), datetime.timezone.utc)


def rfc3339(moment):
    """Write a time as the documents of the plugin do."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def public_key_of(module, key):
    """Return the public key that belongs to a private key."""
    return _found(openssl(module, ["pkey", "-pubout"], key))


def requested(module, csr):
    """Return the names and the public key in a signing request."""
    said = openssl(module, ["req", "-noout", "-text", "-pubkey"], csr)
    return set(_names(said)), _found(said)


def names_ordered(module, csr):
    """Return all names that a certificate for a signing request would have.

    :raises UnreadableError: if it is not a plain request, in which two programs may not find the same names.
    """
    if csr.count("-----BEGIN") != 1:
        raise UnreadableError("It is not one request.")
    if openssl(module, ["req", "-noout", "-subject"], csr).strip() != "subject=":
        raise UnreadableError("It has a subject.")
    tree = openssl(module, ["asn1parse"], openssl(module, ["req"], csr))
    if len(_EXTENSIONS.findall(tree)) > 1:
        raise UnreadableError("It asks for extensions twice.")
    return requested(module, csr)[0]


def _found(said):
    key = _KEY.search(said)
    if key is None:
        raise UnreadableError("openssl did not print a public key.")
    return key.group(0)


def key_type(module, public):
    """Return the type of a public key as Certbot names it: `rsa`, `ecdsa`, or None if it is another one."""
    said = openssl(module, ["pkey", "-pubin", "-noout", "-text"], public)
    if "NIST CURVE" in said or "ASN1 OID" in said:
        return "ecdsa"
    return "rsa" if "Modulus" in said else None


def openssl(module, words, data=None):
    """Run openssl, and return what it prints.

    :raises UnreadableError: if it fails, with its reason.
    """
    program = module.get_bin_path("openssl", required=True)
    code, out, err = module.run_command([program, *words], data=data)
    if code != 0:
        raise UnreadableError(" ".join(err.split()) or f"openssl ended with code {code}.")
    return out
