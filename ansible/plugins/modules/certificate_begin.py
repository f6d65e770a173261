#!/usr/bin/python
# Copyright (c) The authors of certbot-external-auth
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start Certbot in the background, and return what has to be published."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_begin
short_description: Begin to order a certificate, and return what has to be published
version_added: 1.0.0
description:
  - Runs C(certbot-external-auth begin), which starts Certbot in the background and returns when Certbot waits
    until the challenges are published.
  - Publish what RV(txt), RV(http) and RV(tls) contain, then run M(external_auth.certbot.certificate_finish). Run
    M(external_auth.certbot.certificate_abort) if you cannot.
  - If no certificate is due, RV(state) is V(nothing_due), and nothing changes.
  - If a play was killed after this module, the same task returns the session that still waits.
  - In check mode, Certbot is not started. The module compares the names, the key type, the dates and what the
    renewal file keeps with what is wanted. It does not ask the CA for its renewal information, so a certificate
    that the CA wants to have renewed early is not found.
extends_documentation_fragment:
  - external_auth.certbot.session
  - external_auth.certbot.session.attributes
attributes:
  check_mode:
    details:
      - Then RV(state) is V(nothing_due) or V(due), and RV(session) is not returned.
options:
  names:
    description:
      - The names and IP addresses in the certificate.
      - Required unless O(renew=true) or O(csr) is given.
      - With O(csr), the names that the request may have. A request with other names is refused. Give them if the
        request comes from another machine, which would else decide what is ordered.
    type: list
    elements: str
    default: []
  cert_name:
    description:
      - Certbot's name of the certificate.
      - If not given, Certbot takes the certificate that has exactly these names, or the first name.
    type: str
  renew:
    description:
      - Renew the certificate O(cert_name) with all that Certbot has saved for it.
    type: bool
    default: false
  challenge:
    description:
      - The types of challenge that may be used, in order of preference.
    type: list
    elements: str
    default: []
  key_type:
    description:
      - The type of the key. If not given, it is that of the present certificate, else Certbot's default.
    type: str
    choices:
      - ecdsa
      - rsa
  csr:
    description:
      - A file with a certificate signing request. The key is not Certbot's business then, and Certbot saves only the
        certificate, at O(cert_path), O(chain_path) and O(fullchain_path).
      - Certbot keeps nothing else of it, and every run orders a certificate. Decide by
        M(external_auth.certbot.certificate_request) whether it is due.
    type: path
  cert_path:
    description:
      - Where the certificate for O(csr) is saved. A file that is there is replaced.
    type: path
  chain_path:
    description:
      - Where the CA's certificates for O(csr) are saved. A file that is there is replaced.
    type: path
  fullchain_path:
    description:
      - Where both, in one file, are saved for O(csr). A file that is there is replaced.
    type: path
  force:
    description:
      - Order even if no certificate is due. Such a task changes something each time.
    type: bool
    default: false
  arguments:
    description:
      - More arguments for Certbot, such as C(--server) or options of the plugin.
    type: list
    elements: str
    default: []
  certbot:
    description:
      - The Certbot to start. If not given, it is the one beside O(executable).
    type: path
  deadline:
    description:
      - How many seconds Certbot waits until M(external_auth.certbot.certificate_finish) runs.
    type: int
    default: 900
  lock_timeout:
    description:
      - How many seconds to wait for another session, or another Certbot, that uses the same directories.
    type: int
    default: 960
seealso:
  - module: external_auth.certbot.certificate_finish
  - module: external_auth.certbot.certificate_abort
  - module: external_auth.certbot.certificate_info
author:
  - The authors of certbot-external-auth (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Order a certificate
  external_auth.certbot.certificate_begin:
    names:
      - example.org
      - www.example.org
    challenge:
      - http-01
    arguments:
      - --agree-tos
      - --email
      - admin@example.org
  register: begun

- name: Renew one certificate, if it is due
  external_auth.certbot.certificate_begin:
    renew: true
    cert_name: example.org
  register: begun
"""

RETURN = r"""
reasons:
  description:
    - >-
      In check mode: why a certificate would be ordered. C(new): there is none. C(names), C(key): the
      names or the type of the key differ. C(date): its time has come. C(forced): because of O(force).
  returned: in check mode
  type: list
  elements: str
  sample: ["date"]
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
resumed:
  description:
    - >-
      At C(begin --resume): true if an earlier C(begin) opened the session. Absent otherwise.
  returned: if there is one
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

import datetime
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.external_auth.certbot.plugins.module_utils import lineages, text, verbs

POLL_SECONDS = 1.0
OUTPUTS = ("cert_path", "chain_path", "fullchain_path")


def words(params):
    """Return the command line of Certbot."""
    found = ["renew"] if params["renew"] else ["certonly"]
    if params["cert_name"]:
        found += ["--cert-name", params["cert_name"]]
    for name in [] if params["csr"] else params["names"]:
        found += ["-d", name]
    if params["challenge"]:
        found += ["--preferred-challenges", ",".join(params["challenge"])]
    if params["key_type"]:
        found += ["--key-type", params["key_type"]]
    for key in ("csr", *OUTPUTS):
        if params[key]:
            found += ["--" + key.replace("_", "-"), params[key]]
    if params["cert_name"] and params["names"]:
        # Or Certbot asks whether the certificate may get other names, and no person answers.
        found.append("--renew-with-new-domains")
    if params["force"]:
        found.append("--force-renewal")
    return found + params["arguments"]


def contradiction(params):
    """Return what is wrong with the arguments; None if nothing is. An empty list counts as not given."""
    if params["renew"] and not params["cert_name"]:
        return "A renewal needs the name of the certificate, cert_name."
    if params["renew"] and params["names"]:
        return "A renewal keeps its names: give either renew or names."
    if params["csr"] and (params["renew"] or params["key_type"]):
        return "A request (csr) has its key: give neither renew nor key_type."
    if not (params["renew"] or params["names"] or params["csr"]):
        return "Nothing is asked for: give names, csr, or renew and cert_name."
    return None


def other_request(module):
    """Return why a request does not have the names that it may have; None if it has, or none were given."""
    params = module.params
    if not (params["csr"] and params["names"]):
        return None
    try:
        names = lineages.pem.names_ordered(module, lineages.pem.content_of(params["csr"]) or "")
    except lineages.pem.UnreadableError as error:
        return "The request {} cannot be used. {}".format(params["csr"], text.readable(str(error)))
    if names == set(map(lineages.pem.normal, params["names"])):
        return None
    found = text.readable(", ".join(sorted(names)))
    return "The request {} is for other names than {}: {}.".format(params["csr"], ", ".join(params["names"]), found)


def begun(module, run):
    """Begin, and wait while another session or Certbot has the lock."""
    params = module.params
    more = ["--resume", "--deadline", str(params["deadline"])]
    if params["certbot"]:
        more += ["--certbot", params["certbot"]]
    end = time.monotonic() + params["lock_timeout"]
    while True:
        document = run.run("begin", *more, "--", *words(params))
        if document["state"] != "locked" or time.monotonic() >= end:
            return document
        time.sleep(POLL_SECONDS)


def planned(module, run):
    """Return in check mode what Certbot would do, without starting it."""
    params = module.params
    folder = lineages.config_dir(params["config_dir"])
    wanted = [lineages.pem.normal(name) for name in params["names"]]
    lineage = None if params["csr"] else lineages.found(module, folder, params["cert_name"], wanted)
    if lineage is None and params["renew"]:
        module.fail_json(msg="There is no certificate {} in {}.".format(params["cert_name"], folder))
    version = lineages.certbot_version(module, run.folder, params["certbot"])
    now = datetime.datetime.now(datetime.timezone.utc)
    reasons = lineages.reasons(lineage, now, version, wanted, params["key_type"], module)
    if params["force"]:
        reasons.append("forced")
    return reasons, lineage, wanted or (lineage["domains"] if lineage else [])


def before(lineage):
    """Return of a certificate what a diff shows before an order."""
    if lineage is None:
        return {}
    return {"domains": sorted(lineage["domains"]), "not_after": lineages.pem.rfc3339(lineage["not_after"])}


def diff(module, run):
    """Return what an order is about, for --diff: the names before and after."""
    reasons, lineage, names = planned(module, run)
    return {"before": before(lineage), "after": {"domains": sorted(names), "ordered": reasons or ["early"]}}


def checked(module, run):
    """Return the result in check mode."""
    reasons, lineage, names = planned(module, run)
    result = {"changed": bool(reasons), "reasons": reasons, "state": "due" if reasons else "nothing_due"}
    if reasons and module._diff:
        result["diff"] = {"before": before(lineage), "after": {"domains": sorted(names), "ordered": reasons}}
    if not reasons:
        result["message"] = (
            "No certificate is due by its names, its key, its dates and what its renewal file keeps; "
            "the CA was not asked for its renewal information."
        )
    else:
        result["message"] = "A certificate would be ordered: {}.".format(", ".join(reasons))
    return result


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec=dict(
            verbs.ARGUMENTS,
            names={"type": "list", "elements": "str", "default": []},
            cert_name={"type": "str"},
            renew={"type": "bool", "default": False},
            challenge={"type": "list", "elements": "str", "default": []},
            key_type={"type": "str", "choices": ["ecdsa", "rsa"], "no_log": False},
            csr={"type": "path"},
            cert_path={"type": "path"},
            chain_path={"type": "path"},
            fullchain_path={"type": "path"},
            force={"type": "bool", "default": False},
            arguments={"type": "list", "elements": "str", "default": []},
            certbot={"type": "path"},
            deadline={"type": "int", "default": 900},
            lock_timeout={"type": "int", "default": 960},
        ),
        required_together=[("csr", "cert_path", "chain_path", "fullchain_path")],
        supports_check_mode=True,
    )
    wrong = contradiction(module.params) or other_request(module)
    if wrong:
        module.fail_json(msg=wrong)
    run = verbs.Verbs(module)
    if module.check_mode:
        module.exit_json(**checked(module, run))
    shown = diff(module, run) if module._diff else None
    document = begun(module, run)
    if document["state"] not in ("waiting", "done", "nothing_due"):
        module.fail_json(**verbs.failure(document))
    fresh = document["state"] == "waiting" and not document.get("resumed")
    result = dict(document, changed=fresh or verbs.changed(document))
    if shown is not None and result["changed"]:
        result["diff"] = shown
    module.exit_json(**result)


if __name__ == "__main__":
    main()
