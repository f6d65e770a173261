#!/usr/bin/python
# Copyright (c) The authors of certbot-external-auth
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Return Certbot's certificates, which of them are due, and which ones hosts serve."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_info
short_description: Return which certificates Certbot has, which are due, and which ones hosts serve
version_added: 1.0.0
description:
  - Reads Certbot's configuration directory. Certbot is not started, and no lock is needed.
  - Whether a certificate is due follows from its dates and from what the renewal file keeps. The CA is not
    asked for its renewal information, so a certificate that the CA wants to have renewed early is not found.
  - Can look at hosts, by their addresses, to see which certificates they serve.
extends_documentation_fragment:
  - external_auth.certbot.session
  - external_auth.certbot.session.attributes
attributes:
  check_mode:
    details:
      - The module only reads.
  diff_mode:
    support: N/A
    details:
      - The module only reads.
options:
  cert_name:
    description:
      - Return only the certificate with this name. If there is none, the list is empty.
    type: str
  certbot:
    description:
      - The Certbot that would renew. If not given, it is the one beside O(executable). Its version decides when a
        certificate is due.
    type: path
  with_content:
    description:
      - Also return the certificates themselves, as PEM. A key is never returned.
    type: bool
    default: false
  files:
    description:
      - Files with certificates to return as well, such as those that were ordered with a request of a host's
        own. A file that does not exist is left out.
    type: list
    elements: path
    default: []
  serving:
    description:
      - TLS servers to look at.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description: The name of the host, for messages.
        type: str
        required: true
      address:
        description: The address at which to look.
        type: str
        required: true
      port:
        description: The port at which to look.
        type: int
        default: 443
      server_name:
        description: The server name to ask for (SNI).
        type: str
        required: true
      sha256:
        description: The fingerprint that the server is expected to have. The module waits O(look_timeout) for it.
        type: str
  look_timeout:
    description:
      - How many seconds the servers in O(serving) have to present the certificate that is expected.
    type: int
    default: 0
seealso:
  - module: external_auth.certbot.certificate_begin
author:
  - The authors of certbot-external-auth (!UNKNOWN)
"""

EXAMPLES = r"""
- name: See which certificates are due
  external_auth.certbot.certificate_info:
  register: info

- name: Show their names
  ansible.builtin.debug:
    msg: "{{ info.lineages | selectattr('due') | map(attribute='name') | list }}"
"""

RETURN = r"""
lineages:
  description:
    - >-
      Certbot's certificates, by name.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description:
        - >-
          The lineage: Certbot's name of the certificate. Null with C(--csr).
      returned: always
      type: str
      sample: "w.example"
    domains:
      description:
        - >-
          All names and IP addresses in the certificate.
      returned: always
      type: list
      elements: str
      sample: ["w.example"]
    not_after:
      description:
        - >-
          When the certificate expires; RFC 3339, UTC, to the millisecond.
      returned: always
      type: str
      sample: "2027-02-22T12:35:34.000Z"
    sha256:
      description:
        - >-
          SHA-256 fingerprint of the certificate, lower-case hex.
      returned: always
      type: str
      sample: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b..."
    due:
      description:
        - >-
          Whether Certbot would renew it by its dates and by what the renewal file keeps.
      returned: always
      type: bool
      sample: false
    cert_path:
      description:
        - >-
          Path of the certificate.
      returned: always
      type: str
      sample: "/etc/letsencrypt/live/w.example/cert.pem"
    key_path:
      description:
        - >-
          Path of its private key. Null with C(--csr).
      returned: always
      type: str
      sample: "/etc/letsencrypt/live/w.example/privkey.pem"
    chain_path:
      description:
        - >-
          Path of the CA's certificates.
      returned: always
      type: str
      sample: "/etc/letsencrypt/live/w.example/chain.pem"
    fullchain_path:
      description:
        - >-
          Path of one file with the certificate and the CA's certificates.
      returned: always
      type: str
      sample: "/etc/letsencrypt/live/w.example/fullchain.pem"
    content:
      description:
        - >-
          With O(with_content): the files.
      returned: always
      type: dict
      contains:
        cert:
          description:
            - >-
              The file, as PEM.
          returned: always
          type: str
          sample: "-----BEGIN CERTIFICATE-----\u2026"
        chain:
          description:
            - >-
              The file, as PEM.
          returned: always
          type: str
          sample: "-----BEGIN CERTIFICATE-----\u2026"
        fullchain:
          description:
            - >-
              The file, as PEM.
          returned: always
          type: str
          sample: "-----BEGIN CERTIFICATE-----\u2026"
unreadable:
  description:
    - >-
      A sentence for each certificate that cannot be read.
  returned: always
  type: list
  elements: str
  sample: []
files:
  description:
    - >-
      The certificates in O(files), by path. Each has RV(lineages[].domains), RV(lineages[].not_after) and
      RV(lineages[].sha256), and its C(content).
  returned: always
  type: dict
  sample: {}
served:
  description:
    - >-
      What the servers in O(serving) present, in the same order.
  returned: always
  type: list
  elements: dict
  contains:
    host:
      description:
        - >-
          The name of the host.
      returned: always
      type: str
      sample: "web1"
    address:
      description:
        - >-
          Where the module looked.
      returned: always
      type: str
      sample: "192.0.2.1"
    port:
      description:
        - >-
          Where the module looked.
      returned: always
      type: int
      sample: 443
    sha256:
      description:
        - >-
          The fingerprint of what the host serves. Null if it does not answer.
      returned: always
      type: str
      sample: "9f86d081"
    error:
      description:
        - >-
          Why the host does not answer. Null if it does.
      returned: always
      type: str
      sample: "Connection refused"
    expected:
      description:
        - >-
          Whether it is the expected one.
      returned: always
      type: bool
      sample: true
"""

import datetime

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.external_auth.certbot.plugins.module_utils import lineages, look, pem, verbs


def shown(certificate):
    """Return the facts about a certificate in the form of the documents."""
    return {
        "domains": certificate["domains"],
        "not_after": pem.rfc3339(certificate["not_after"]),
        "sha256": certificate["sha256"],
    }


def listed(module, version):
    """Return the lineages, and sentences about those that cannot be read."""
    folder = lineages.config_dir(module.params["config_dir"])
    now = datetime.datetime.now(datetime.timezone.utc)
    wanted = module.params["cert_name"]
    found, problems = [], []
    for name in lineages.names(folder):
        if wanted and name != wanted:
            continue
        try:
            lineage = lineages.read(module, folder, name)
        except pem.UnreadableError as error:
            problems.append(f"The certificate {name} cannot be read: {error}")
            continue
        found.append(_listed(module, lineage, lineages.reasons(lineage, now, version)))
    return found, problems


def _listed(module, lineage, reasons):
    paths = {key: lineage[key] for key in lineages.PATHS}
    one = dict(shown(lineage), name=lineage["name"], due=bool(reasons), **paths)
    if module.params["with_content"]:
        one["content"] = {key: pem.content_of(lineage[key + "_path"]) for key in ("cert", "chain", "fullchain")}
    return one


def files(module):
    """Return the certificates in the files that the task names, by path."""
    found = {}
    for path in module.params["files"]:
        content = pem.content_of(path)
        if content is not None:
            try:
                found[path] = dict(shown(pem.described(module, content)), content=content)
            except pem.UnreadableError as error:
                module.warn(f"{path} is left out: {error}")
    return found


def serving(module):
    """Return what the hosts serve, in the order of the task."""
    seen = {}
    hosts = module.params["serving"]

    def wrong(place):
        one = hosts[place]
        seen[place] = look.served(one["address"], one["port"], one["server_name"])
        sha256 = seen[place][0]
        return None if sha256 and one["sha256"] in (None, sha256) else "not the expected one"

    look.until(module.params["look_timeout"], wrong, range(len(hosts)))
    keys = ("host", "address", "port")
    return [
        dict(
            {key: one[key] for key in keys},
            sha256=seen[place][0],
            error=seen[place][1],
            expected=one["sha256"] is None or one["sha256"] == seen[place][0],
        )
        for place, one in enumerate(hosts)
    ]


def main():
    """Run the module."""
    server = {
        "host": {"type": "str", "required": True},
        "address": {"type": "str", "required": True},
        "port": {"type": "int", "default": 443},
        "server_name": {"type": "str", "required": True},
        "sha256": {"type": "str"},
    }
    module = AnsibleModule(
        argument_spec=dict(
            verbs.ARGUMENTS,
            cert_name={"type": "str"},
            certbot={"type": "path"},
            with_content={"type": "bool", "default": False},
            files={"type": "list", "elements": "path", "default": []},
            serving={"type": "list", "elements": "dict", "default": [], "options": server},
            look_timeout={"type": "int", "default": 0},
        ),
        supports_check_mode=True,
    )
    run = verbs.Verbs(module)
    found, problems = listed(module, lineages.certbot_version(module, run.folder, module.params["certbot"]))
    for problem in problems:
        module.warn(problem)
    module.exit_json(changed=False, lineages=found, unreadable=problems, files=files(module), served=serving(module))


if __name__ == "__main__":
    main()
