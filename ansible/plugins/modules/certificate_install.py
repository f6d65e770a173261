#!/usr/bin/python
# Copyright (c) The authors of certbot-external-auth
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Install a certificate and its key together, with a test and a way back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_install
short_description: Install a certificate and its key together, test the configuration, and go back if the test fails
version_added: 1.0.0
description:
  - Writes C(cert.pem), C(chain.pem), C(fullchain.pem) and C(privkey.pem) into a new folder below O(path), and
    then points the link C(current) to it. So a server that reads C(current) never sees a certificate with
    another one's key.
  - Runs O(test) afterwards. If it fails, C(current) points to the certificate before, and the module fails.
  - Checks that the key belongs to the certificate before it changes anything.
  - Neither the result nor a diff has the key.
extends_documentation_fragment:
  - ansible.builtin.files
  - external_auth.certbot.session.attributes
options:
  path:
    description:
      - The folder for this certificate. Servers read the files in its C(current).
    type: path
    required: true
  fullchain:
    description:
      - The certificate and the CA's certificates, as PEM.
    type: str
    required: true
  key:
    description:
      - The private key, as PEM.
    type: str
  key_paths:
    description:
      - Files on this host, one of which has the private key. Files that do not exist are skipped.
    type: list
    elements: path
    default: []
  test:
    description:
      - A command that tests the configuration of the server, as a list of words.
    type: list
    elements: str
    default: []
  keep:
    description:
      - How many earlier certificates to keep.
    type: int
    default: 1
  mode:
    description:
      - The permissions of the files. The folder of a certificate may also be entered by those who may read the files.
    default: "0640"
requirements:
  - openssl
seealso:
  - module: external_auth.certbot.certificate_request
author:
  - The authors of certbot-external-auth (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Install a certificate
  external_auth.certbot.certificate_install:
    path: /etc/ssl/external-auth/shop
    fullchain: "{{ fullchain }}"
    key: "{{ key }}"
    group: www-data
    test: [nginx, -t]
  no_log: true
  notify: Reload nginx
"""

RETURN = r"""
sha256:
  description: The fingerprint of the certificate.
  returned: always
  type: str
  sample: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
not_after:
  description: When the certificate expires.
  returned: always
  type: str
  sample: "2027-02-22T12:35:34.000Z"
domains:
  description: The names in the certificate.
  returned: always
  type: list
  elements: str
  sample: ["w.example"]
previous_sha256:
  description: The fingerprint of the certificate that was installed before. Null if there was none.
  returned: always
  type: str
  sample: null
"""

import hashlib
import os
import shutil
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.text.converters import to_bytes
from ansible_collections.external_auth.certbot.plugins.module_utils import configuration, pem

LINK = "current"
FOLDERS = "versions"


def key_of(module, certificate):
    """Return the private key that belongs to the certificate; the module fails if none does."""
    params = module.params
    candidates = [params["key"]] if params["key"] else [pem.content_of(path) for path in params["key_paths"]]
    for key in filter(None, candidates):
        try:
            if pem.public_key_of(module, key) == certificate["public_key"]:
                return key
        except pem.UnreadableError:
            continue
    module.fail_json(msg="No key that was given belongs to the certificate, so nothing was installed.")
    return None


def wanted_files(module, certificate):
    """Return the content of each file."""
    fullchain = module.params["fullchain"].strip() + "\n"
    first = pem.first(fullchain)
    chain = fullchain[fullchain.index(first.strip()) + len(first.strip()) :].lstrip()
    return {
        "cert.pem": first,
        "chain.pem": chain,
        "fullchain.pem": fullchain,
        "privkey.pem": key_of(module, certificate),
    }


def version_of(files):
    """Return the name of the folder for these files. The key follows from the certificate."""
    return hashlib.sha256(files["fullchain.pem"].encode()).hexdigest()[:16]


class Place:
    """The folder of a certificate on this host."""

    def __init__(self, module):
        self._module = module
        self.path = module.params["path"]
        self.link = os.path.join(self.path, LINK)
        self.versions = os.path.join(self.path, FOLDERS)

    def target(self):
        """Return the name of the folder that is current; None if there is none."""
        try:
            return os.path.basename(os.readlink(self.link))
        except OSError:
            return None

    def holds(self, version, files):
        """Tell whether a folder has these files."""
        folder = os.path.join(self.versions, version)
        return all(pem.content_of(os.path.join(folder, name)) == content for name, content in files.items())

    def write(self, version, files):
        """Write a folder; it has its name only when everything is in it."""
        os.makedirs(self.versions, mode=0o755, exist_ok=True)
        folder = tempfile.mkdtemp(prefix=".new-", dir=self.versions)
        try:
            for name, content in files.items():
                with open(
                    os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
                ) as file:
                    file.write(to_bytes(content))
                    os.fsync(file.fileno())
            final = os.path.join(self.versions, version)
            if os.path.lexists(final):
                shutil.rmtree(final)
            os.rename(folder, final)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def set_attributes(self, version, changed=False):
        """Give the files the owner, the group and the permissions that the task names; return whether any changed."""
        folder = os.path.join(self.versions, version)
        for name in ("cert.pem", "chain.pem", "fullchain.pem", "privkey.pem", ""):
            path = os.path.join(folder, name) if name else folder
            if self._module.check_mode and not os.path.exists(path):
                continue
            arguments = self._module.load_file_common_arguments(self._module.params, path=path)
            if not name:
                arguments["mode"] = _entered(self._module.params["mode"])
            changed = self._module.set_fs_attributes_if_different(arguments, changed)
        return changed

    def point(self, version):
        """Make a folder the current one; without one, none is."""
        if version is None:
            os.unlink(self.link)
            return
        # A link cannot be made over a file; only its name is changed at once.
        folder = tempfile.mkdtemp(prefix=".link-", dir=self.path)
        new = os.path.join(folder, LINK)
        try:
            os.symlink(os.path.join(FOLDERS, version), new)
            os.replace(new, self.link)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def forget_old(self, keep):
        """Remove all folders but the current one and the newest others."""
        current = self.target()
        found = [os.path.join(self.versions, name) for name in os.listdir(self.versions) if name != current]
        found.sort(key=os.path.getmtime, reverse=True)
        for path in found[keep:]:
            shutil.rmtree(path)


def _entered(mode):
    """Return the permissions of a folder whose files have a mode: who may read them may enter it."""
    try:
        number = int(str(mode), 8)
    except ValueError:
        return "0755"
    return "%04o" % (number | (number & 0o444) >> 2)


def test(module, place, before):
    """Run the configuration's test; if it fails, go back, and fail."""
    wrong = configuration.wrong(module, module.params["test"], "the certificate before is in place again")
    if wrong:
        place.point(before)
        module.fail_json(msg=wrong)


def described(module, content):
    """Return the facts about a certificate; the module fails if it is not one."""
    try:
        return pem.described(module, content)
    except pem.UnreadableError as error:
        module.fail_json(msg=f"The certificate cannot be read: {error}")


def shown(certificate):
    """Return what a diff shows of a certificate."""
    return {
        "domains": certificate["domains"],
        "not_after": pem.rfc3339(certificate["not_after"]),
        "sha256": certificate["sha256"],
    }


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "fullchain": {"type": "str", "required": True},
            "key": {"type": "str", "no_log": True},
            "key_paths": {"type": "list", "elements": "path", "default": [], "no_log": False},
            "test": {"type": "list", "elements": "str", "default": []},
            "keep": {"type": "int", "default": 1},
            "mode": {"type": "raw", "default": "0640"},
        },
        required_one_of=[("key", "key_paths")],
        add_file_common_args=True,
        supports_check_mode=True,
    )
    certificate = described(module, module.params["fullchain"])
    place = Place(module)
    if os.path.lexists(place.link) and not os.path.islink(place.link):
        module.fail_json(msg=f"{place.link} is not a link, so it was not made by this module; move it away.")
    files = wanted_files(module, certificate)
    version, before = version_of(files), place.target()
    old = pem.content_of(os.path.join(place.link, "cert.pem"))
    previous = None if old is None else described(module, old)
    result = dict(shown(certificate), previous_sha256=previous["sha256"] if previous else None)
    written = not place.holds(version, files)
    changed = written or before != version
    if changed and module._diff:
        result["diff"] = {"before": shown(previous) if previous else {}, "after": shown(certificate)}
    if not module.check_mode:
        if written:
            place.write(version, files)
        changed = place.set_attributes(version, changed)
        if before != version:
            place.point(version)
        if changed:
            test(module, place, before)
        place.forget_old(module.params["keep"])
    elif not written:
        changed = place.set_attributes(version, changed)
    module.exit_json(changed=changed, **result)


if __name__ == "__main__":
    main()
