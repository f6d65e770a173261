#!/usr/bin/python
# Copyright (c) The authors of certbot-external-auth
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell the waiting Certbot that the batch is published, and return the certificates."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_finish
short_description: Finish an order when everything is published, and return the certificates
version_added: 1.0.0
description:
  - Runs C(certbot-external-auth finish), which tells the waiting Certbot that the batch is published. Certbot
    asks the CA to validate, and saves the certificate.
  - Before that, the module can look at every host in O(answering) by its address. If one of them does not
    answer as it should, the CA is not asked, and the message names the host.
  - Remove what RV(remove) lists. If RV(state) is V(more), publish the next batch, and run this module again.
  - Without a session, the module changes nothing. So a play can run it after a check mode run of
    M(external_auth.certbot.certificate_begin).
  - In check mode, the session goes on.
extends_documentation_fragment:
  - external_auth.certbot.session
  - external_auth.certbot.session.attributes
options:
  session:
    description:
      - The RV(external_auth.certbot.certificate_begin#module:session) that was begun.
    type: str
  batch:
    description:
      - The number of the batch that is published. No other batch is confirmed then.
    type: int
  answering:
    description:
      - The hosts that answer the CA, for challenges of the types http-01 and tls-alpn-01.
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
        description: The port at which to look, if it is not the one at which the CA looks.
        type: int
      problem:
        description: Why this host could not publish. The module does not look at it then, and the order fails.
        type: str
  look_timeout:
    description:
      - How many seconds the hosts in O(answering) have to answer as they should.
    type: int
    default: 10
  failed:
    description:
      - The ids of challenges that could not be published. The CA is not asked to validate anything then.
    type: list
    elements: str
    default: []
  reason:
    description:
      - Why the challenges in O(failed) could not be published.
    type: str
seealso:
  - module: external_auth.certbot.certificate_begin
author:
  - The authors of certbot-external-auth (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Let the CA validate, if every web server answers
  external_auth.certbot.certificate_finish:
    session: "{{ begun.session }}"
    batch: "{{ begun.batch }}"
    answering:
      - host: web1
        address: 192.0.2.1
      - host: web2
        address: 192.0.2.2
  register: finished
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
from ansible_collections.external_auth.certbot.plugins.module_utils import lineages, look, pem, text, verbs

MAX_NAMED = 5
MAX_REASON = 2000


def missing(document, answering, timeout):
    """Return a sentence about the hosts that do not answer as they should; None if all of them do."""
    wrong = {one["host"]: one["problem"] for one in answering if one["problem"]}
    sights = []
    for one in answering:
        if one["host"] not in wrong:
            sights += [(one, name, kind, what) for kind in ("http", "tls") for name, what in document[kind].items()]
    said = look.until(timeout, _sight, sights)
    for place, reason in said.items():
        one, name, _kind, _what = sights[place]
        wrong.setdefault(one["host"], "{} for {} at {}".format(reason, name, one["address"]))
    return sentence(wrong) if wrong else None


def sentence(wrong):
    """Write what is wrong with each host as one sentence."""
    named = list(wrong.items())[:MAX_NAMED]
    more = f"; and {len(wrong) - MAX_NAMED} more" if len(wrong) > MAX_NAMED else ""
    reasons = "; ".join(host + ": " + reason.rstrip(".") for host, reason in named)
    return f"The CA was not asked, because not every host answers as it should: {reasons}{more}."


def _sight(sight):
    one, name, kind, what = sight
    if kind == "http":
        return look.token(one["address"], one["port"], name, what)
    return look.validation_certificate(one["address"], one["port"], name, what)


def finish_words(params, failed, message):
    """Return the arguments of the verb."""
    words = [params["session"]]
    if params["batch"]:
        words += ["--batch", str(params["batch"])]
    for one in failed:
        words += ["--failed", one]
    return words + (["--message", text.readable(message, MAX_REASON)] if message else [])


def diff(module, texts, document):
    """Return the certificates that a session has changed, for --diff."""
    changed = [one for one in document["certificates"] if one["changed"]]
    before = {}
    for one in changed:
        if one["name"] in texts:
            old = pem.described(module, texts[one["name"]])
            before[one["name"]] = {
                "domains": old["domains"],
                "not_after": pem.rfc3339(old["not_after"]),
                "sha256": old["sha256"],
            }
    return {"before": before, "after": {one["name"] or one["cert_path"]: verbs.summary(one) for one in changed}}


def checked(module, now, is_open):
    """Return the result in check mode: the certificates are not known before the CA has issued them."""
    result = dict(now, changed=is_open)
    if is_open and module._diff:
        result["diff"] = {"before": {"state": now["state"]}, "after": {"state": "done"}}
    return result


def main():
    """Run the module."""
    answering = {
        "host": {"type": "str", "required": True},
        "address": {"type": "str", "required": True},
        "port": {"type": "int"},
        "problem": {"type": "str"},
    }
    module = AnsibleModule(
        argument_spec=dict(
            verbs.ARGUMENTS,
            session={"type": "str"},
            batch={"type": "int"},
            answering={"type": "list", "elements": "dict", "default": [], "options": answering},
            look_timeout={"type": "int", "default": 10},
            failed={"type": "list", "elements": "str", "default": []},
            reason={"type": "str"},
        ),
        supports_check_mode=True,
    )
    params = module.params
    if not params["session"]:
        module.exit_json(changed=False, state="unknown", message="There is no session to finish.")
    run = verbs.Verbs(module)
    now = run.session(params["session"])
    is_open = now["state"] in verbs.OPEN
    if module.check_mode:
        module.exit_json(**checked(module, now, is_open))
    texts = lineages.live_texts(lineages.config_dir(params["config_dir"])) if module._diff and is_open else {}
    failed, message = params["failed"], params["reason"]
    if is_open and not failed:
        message = missing(now, params["answering"], params["look_timeout"])
        failed = [one["id"] for one in now["challenges"]] if message else []
    document = run.run("finish", *finish_words(params, failed, message))
    if document["state"] not in ("done", "more", "nothing_due"):
        if message:
            # The plugin's errors only repeat it.
            document = dict(document, message=message, errors=[])
        module.fail_json(**verbs.failure(document))
    result = dict(document, changed=is_open)
    if is_open and module._diff:
        result["diff"] = diff(module, texts, document)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
