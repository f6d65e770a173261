#!/usr/bin/python
# Copyright (c) The authors of certbot-external-auth
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell whether a host needs a certificate, and make a key and a request for it on the host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_request
short_description: Tell whether this host needs a new certificate, and if so, make a key and a request for it
version_added: 1.0.0
description:
  - Compares the names, the dates and the key of the installed certificate with what is wanted.
  - If a new one is needed, makes a private key, which never leaves this host, and returns a signing request for
    it. Every certificate gets a key of its own.
  - The key and the request stay until the certificate is installed. So when run twice, the second run returns
    the same request.
extends_documentation_fragment:
  - external_auth.certbot.session.attributes
options:
  path:
    description:
      - The folder for this certificate, as for M(external_auth.certbot.certificate_install).
    type: path
    required: true
  names:
    description:
      - The names and IP addresses in the certificate.
    type: list
    elements: str
    required: true
  key_type:
    description:
      - The type of the key.
    type: str
    choices:
      - ecdsa
      - rsa
    default: ecdsa
  offered:
    description:
      - A certificate that was ordered for this host and may not be installed yet, as PEM. If it fits, no new
        one is needed.
    type: str
  renew_before:
    description:
      - How many days before its end a certificate is renewed. If not given, when a third of its lifetime is
        left, or half of it if the lifetime is shorter than ten days. The same if the certificate does not live
        that long.
    type: int
requirements:
  - openssl
seealso:
  - module: external_auth.certbot.certificate_begin
  - module: external_auth.certbot.certificate_install
author:
  - The authors of certbot-external-auth (!UNKNOWN)
"""

EXAMPLES = r"""
- name: See whether this host needs a certificate
  external_auth.certbot.certificate_request:
    path: /etc/ssl/external-auth/shop
    names: [shop.example.org]
  register: request
"""

RETURN = r"""
due:
  description: Whether a new certificate is needed.
  returned: always
  type: bool
  sample: true
reasons:
  description:
    - >-
      Why it is needed. C(new): there is none. C(names), C(key): the names or the type of the key differ.
      C(date): its time has come.
  returned: always
  type: list
  elements: str
  sample: ["new"]
install_offered:
  description: Whether O(offered) fits, and differs from the installed certificate.
  returned: always
  type: bool
  sample: false
csr:
  description: The request, as PEM.
  returned: if a new one is needed, not in check mode
  type: str
  sample: "-----BEGIN CERTIFICATE REQUEST-----..."
key_paths:
  description: The files that may have the key, for M(external_auth.certbot.certificate_install).
  returned: always
  type: list
  elements: str
  sample: ["/etc/ssl/external-auth/shop/pending.key"]
"""

import datetime
import ipaddress
import os
import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.external_auth.certbot.plugins.module_utils import lineages, pem

NAME = re.compile(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?")
ALGORITHMS = {
    "ecdsa": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
}


def write(path, content):
    """Write a file that only its owner can read; it has its name only when everything is in it."""
    new = path + ".new"
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(content)
        os.fsync(file.fileno())
    os.replace(new, path)


def alternative(name):
    """Return a name in the form of the extension subjectAltName (RFC 5280 section 4.2.1.6)."""
    try:
        return f"IP:{ipaddress.ip_address(name)}"
    except ValueError:
        return "DNS:{}".format(name.rstrip("."))


def reasons(module, certificate, now):
    """Return why a certificate does not do; empty if it does."""
    params = module.params
    if certificate is None:
        return ["new"]
    because = []
    if set(certificate["domains"]) != set(map(pem.normal, params["names"])):
        because.append("names")
    if pem.key_type(module, certificate["public_key"]) != params["key_type"]:
        because.append("key")
    if is_due(module, certificate, now):
        because.append("date")
    return because


def is_due(module, certificate, now):
    """Tell whether a certificate is due. A time that is not shorter than its lifetime would make every run order one."""
    days = module.params["renew_before"]
    lifetime = certificate["not_after"] - certificate["not_before"]
    kept = {}
    if days is not None and datetime.timedelta(days=days) < lifetime:
        kept["renew_before_expiry"] = f"{days} days"
    return lineages.is_due(dict(certificate, kept=kept), now, lambda: lineages.THIRDS_SINCE)


def readable(module, content):
    """Return the facts about a certificate; None if there is none, or it cannot be read."""
    try:
        return pem.described(module, content) if content else None
    except pem.UnreadableError:
        return None


def has_key(module, certificate, paths):
    """Tell whether one of the files has the key of a certificate."""
    for path in paths:
        content = pem.content_of(path)
        try:
            if content and pem.public_key_of(module, content) == certificate["public_key"]:
                return True
        except pem.UnreadableError:
            continue
    return False


class Pending:
    """The key and the request that wait for their certificate."""

    def __init__(self, module):
        self._module = module
        self.folder = module.params["path"]
        self.key = os.path.join(self.folder, "pending.key")
        self.csr = os.path.join(self.folder, "pending.csr")

    def fits(self, used):
        """Tell whether there are a key and a request as they are wanted.

        :param used: the public keys that have a certificate already.
        """
        key, csr = pem.content_of(self.key), pem.content_of(self.csr)
        if not key or not csr:
            return False
        names = set(map(pem.normal, self._module.params["names"]))
        try:
            public = pem.public_key_of(self._module, key)
            asked = pem.requested(self._module, csr)
        except pem.UnreadableError:
            return False
        if public in used:
            return False
        return asked == (names, public) and pem.key_type(self._module, public) == self._module.params["key_type"]

    def make(self):
        """Make a key, and a request for it."""
        os.makedirs(self.folder, mode=0o755, exist_ok=True)
        names = ",".join(alternative(name) for name in self._module.params["names"])
        key = pem.openssl(self._module, ["genpkey", *ALGORITHMS[self._module.params["key_type"]]])
        write(self.key, key)
        words = ["req", "-new", "-key", self.key, "-subj", "/", "-addext", "subjectAltName=" + names]
        write(self.csr, pem.openssl(self._module, words))


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "names": {"type": "list", "elements": "str", "required": True},
            "key_type": {"type": "str", "choices": ["ecdsa", "rsa"], "default": "ecdsa", "no_log": False},
            "offered": {"type": "str"},
            "renew_before": {"type": "int"},
        },
        supports_check_mode=True,
    )
    params = module.params
    wrong = [name for name in params["names"] if alternative(name).startswith("DNS:") and not NAME.fullmatch(name)]
    if wrong or not params["names"]:
        module.fail_json(
            msg="These are not names: {}.".format(", ".join(wrong)) if wrong else "At least one name is needed."
        )
    pending = Pending(module)
    paths = [pending.key, os.path.join(params["path"], "current", "privkey.pem")]
    now = datetime.datetime.now(datetime.timezone.utc)
    installed = readable(module, pem.content_of(os.path.join(params["path"], "current", "cert.pem")))
    offered = readable(module, params["offered"])
    fits = offered is not None and not reasons(module, offered, now) and has_key(module, offered, paths)
    because = [] if fits else reasons(module, installed, now)
    used = [one["public_key"] for one in (installed, offered) if one is not None]
    result = {
        "due": bool(because),
        "reasons": because,
        "install_offered": fits and (installed is None or installed["sha256"] != offered["sha256"]),
        "key_paths": paths,
        "changed": bool(because) and not pending.fits(used),
    }
    if because and not module.check_mode:
        if result["changed"]:
            pending.make()
        result["csr"] = pem.content_of(pending.csr)
    if result["changed"] and module._diff:
        result["diff"] = {"before": {}, "after": {"request": sorted(params["names"]), "reasons": because}}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
