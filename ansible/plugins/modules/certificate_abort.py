#!/usr/bin/python
# Copyright (c) The authors of certbot-external-auth
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""End a session without a certificate, and return what has to be removed."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_abort
short_description: Give up an order, and return what has to be removed
version_added: 1.0.0
description:
  - Runs C(certbot-external-auth abort), which stops the waiting Certbot. Certbot gives its lock back.
  - Remove what RV(remove) lists.
  - If the session has already ended, or there is none, nothing changes.
  - In check mode, the session goes on.
extends_documentation_fragment:
  - external_auth.certbot.session
  - external_auth.certbot.session.attributes
options:
  session:
    description:
      - The RV(external_auth.certbot.certificate_begin#module:session) to end.
    type: str
seealso:
  - module: external_auth.certbot.certificate_begin
author:
  - The authors of certbot-external-auth (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Publish, and let the CA validate
  block:
    - name: Publish
      ansible.builtin.include_tasks: publish.yml
    - name: Finish
      external_auth.certbot.certificate_finish:
        session: "{{ begun.session }}"
  rescue:
    - name: Give up
      external_auth.certbot.certificate_abort:
        session: "{{ begun.session }}"
"""

RETURN = r"""
format_version:
  description:
    - >-
      Format version of every document, C(MAJOR.MINOR). Refuse a major number that you do not know.
  returned: with a session
  type: str
  sample: "1.0"
session:
  description:
    - >-
      The session's name, for C(finish), C(status) and C(abort).
  returned: with a session
  type: str
  sample: "11277d013938"
state:
  description:
    - >-
      The session's state; see exit codes. Later versions may add states.
  returned: with a session
  type: str
  sample: "waiting"
batch:
  description:
    - >-
      Number of the batch that you must publish, or must keep published while Certbot works. Null if there
      is none.
  returned: with a session
  type: int
  sample: 1
message:
  description:
    - >-
      What the state means, and which command comes next. If the session failed, or the CA refused: the
      reason, in one sentence.
  returned: with a session
  type: str
  sample: "Publish what is in the batch, then run: certbot-external-..."
deadline:
  description:
    - >-
      In state C(waiting) or C(more): when Certbot gives the batch up; RFC 3339, UTC, to the millisecond.
  returned: if there is one
  type: str
  sample: "2026-11-24T12:50:33.912Z"
challenges:
  description:
    - >-
      The challenges of the batch.
  returned: with a session
  type: list
  elements: dict
  contains:
    id:
      description:
        - >-
          The challenge's id, for C(finish --failed).
      returned: always
      type: str
      sample: "c1"
    type:
      description:
        - >-
          Challenge type.
      returned: always
      type: str
      sample: "dns-01"
    identifier:
      description:
        - >-
          The name or IP address to prove, without C(*.).
      returned: always
      type: str
      sample: "w.example"
    identifier_type:
      description:
        - >-
          What C(identifier) is.
      returned: always
      type: str
      sample: "dns"
    txt_target:
      description:
        - >-
          DNS types: the name that holds the record, if the challenge's name is an alias (CNAME).
      returned: if there is one
      type: str
      sample: "w.example.acme.example.net"
    txt_zone:
      description:
        - >-
          The zone of C(txt_target), if it is known.
      returned: if there is one
      type: str
      sample: "acme.example.net"
txt:
  description:
    - >-
      TXT values, by name. Add every value; do not replace other values.
  returned: with a session
  type: dict
  sample: {"_acme-challenge.w.example": ["m2omo67T9cC8Du6gOa0ty4rgTUnBzpevKFE2JFy2xEc"]}
persist:
  description:
    - >-
      TXT records of dns-persist-01, by name. Publish them once, and never remove them. Absent if there
      are none.
  returned: if there is one
  type: dict
  sample: {"_validation-persist.w.example": ["ca.example; accounturi=https://ca.example/acct/1"]}
aliases:
  description:
    - >-
      The names in C(txt) that are aliases (CNAME), and where their records belong: create them there.
      Absent if there are none.
  returned: if there is one
  type: dict
  sample:
    "_acme-challenge.w.example": {"txt_target": "w.example.acme.example.net", "txt_zone": "acme.example.net"}
http:
  description:
    - >-
      File contents, by URL.
  returned: with a session
  type: dict
  sample: {}
tls:
  description:
    - >-
      What a TLS server must present, by server name.
  returned: with a session
  type: dict
  sample: {}
remove:
  description:
    - >-
      What is no longer needed since the previous document. Remove it.
  returned: with a session
  type: dict
  contains:
    txt:
      description:
        - >-
          TXT values, by name. Remove only these; the name may have other values.
      returned: always
      type: dict
      sample: {"_acme-challenge.w.example": ["m2omo67T9cC8Du6gOa0ty4rgTUnBzpevKFE2JFy2xEc"]}
    aliases:
      description:
        - >-
          The names in C(txt) that are aliases (CNAME), and where their records are. Absent if there are
          none.
      returned: if there is one
      type: dict
      sample:
        "_acme-challenge.w.example": {"txt_target": "w.example.acme.example.net", "txt_zone": "acme.example.net"}
    http:
      description:
        - >-
          URLs of files.
      returned: always
      type: list
      elements: str
      sample: []
    tls:
      description:
        - >-
          Server names of TLS certificates.
      returned: always
      type: list
      elements: str
      sample: []
leftover:
  description:
    - >-
      What earlier runs published and did not remove. Remove it, too.
  returned: with a session
  type: dict
  contains:
    txt:
      description:
        - >-
          TXT values, by name. Remove only these; the name may have other values.
      returned: always
      type: dict
      sample: {"_acme-challenge.w.example": ["m2omo67T9cC8Du6gOa0ty4rgTUnBzpevKFE2JFy2xEc"]}
    aliases:
      description:
        - >-
          The names in C(txt) that are aliases (CNAME), and where their records are. Absent if there are
          none.
      returned: if there is one
      type: dict
      sample:
        "_acme-challenge.w.example": {"txt_target": "w.example.acme.example.net", "txt_zone": "acme.example.net"}
    http:
      description:
        - >-
          URLs of files.
      returned: always
      type: list
      elements: str
      sample: []
    tls:
      description:
        - >-
          Server names of TLS certificates.
      returned: always
      type: list
      elements: str
      sample: []
problems:
  description:
    - >-
      Challenges that the CA could not validate.
  returned: with a session
  type: list
  elements: dict
  contains:
    id:
      description:
        - >-
          The challenge.
      returned: always
      type: str
      sample: "c1"
    type:
      description:
        - >-
          The kind of problem: a URN of RFC 8555 section 6.7.
      returned: if there is one
      type: str
      sample: "urn:ietf:params:acme:error:unauthorized"
    detail:
      description:
        - >-
          The problem as a sentence.
      returned: if there is one
      type: str
      sample: "No TXT records found for DNS challenge"
errors:
  description:
    - >-
      The contents of the lines C(error).
  returned: with a session
  type: list
  elements: dict
  contains:
    code:
      description:
        - >-
          The kind of error; see the codes. Later versions may add codes.
      returned: always
      type: str
      sample: "answer.refused"
    message:
      description:
        - >-
          A sentence for a log or a person.
      returned: always
      type: str
      sample: "c1 was refused (dns.full: no room in the zone)."
    id:
      description:
        - >-
          The challenge or deployment that the error belongs to, if any.
      returned: if there is one
      type: str
      sample: "c1"
    lineage:
      description:
        - >-
          At C(renew): the lineage that the error belongs to.
      returned: if there is one
      type: str
      sample: "w.example"
    problem:
      description:
        - >-
          Codes C(ca.…): C(type) and C(detail) of the CA's problem document. Code
          C(challenge.not_visible): what the CA would not see, in one line.
      returned: if there is one
      type: dict
      contains:
        type:
          description:
            - >-
              The kind of problem: a URN of RFC 8555 section 6.7.
          returned: always
          type: str
          sample: "urn:ietf:params:acme:error:rateLimited"
        detail:
          description:
            - >-
              The problem as a sentence.
          returned: always
          type: str
          sample: "too many certificates"
certificates:
  description:
    - >-
      The session's certificates, as they were when the session ended. Empty before that.
  returned: with a session
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
    changed:
      description:
        - >-
          Whether you have to deploy it: this session saved it, or deployed it after an earlier run could
          not.
      returned: always
      type: bool
      sample: true
output:
  description:
    - >-
      The end of Certbot's output, if the session failed and C(errors) is empty.
  returned: if there is one
  type: str
  sample: "certbot: error: unrecognized arguments: --no-such-flag"
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.external_auth.certbot.plugins.module_utils import verbs


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec=dict(verbs.ARGUMENTS, session={"type": "str"}),
        supports_check_mode=True,
    )
    session = module.params["session"]
    if not session:
        module.exit_json(changed=False, state="unknown", message="There is no session to abort.")
    run = verbs.Verbs(module)
    now = run.session(session)
    is_open = now["state"] in verbs.OPEN
    document = now if module.check_mode else run.run("abort", session)
    result = dict(document, changed=is_open)
    if is_open and module._diff:
        result["diff"] = {"before": {"state": now["state"]}, "after": {"state": "aborted"}}
    if not module.check_mode and document["state"] in verbs.OPEN:
        module.fail_json(**verbs.failure(document))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
