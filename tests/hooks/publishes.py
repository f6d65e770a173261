#!/usr/bin/env -S python3 -S
# ruff: noqa: SIM112 - the contract's variables are in lower case
"""A hook of the dialect `native` that does what it is asked."""

import os

import recording

operation = recording.begin()
dns = os.environ.get("type", "").startswith("dns-")
label = os.environ.get("cbot_txt_domain", "").removesuffix(f".{os.environ.get('domain')}") or "_acme-challenge"
tls = os.environ.get("type", "").startswith("tls-")
if operation in ("perform", "persist") and dns:
    recording.add_txt(os.environ["domain"], os.environ["validation"], label)
elif operation == "perform" and tls:
    recording.add_certificate(os.environ["z_domain"], os.environ["cert_path"], os.environ["key_path"])
elif operation == "cleanup" and tls:
    recording.remove_certificate(os.environ["cbot_z_domain"])
elif operation == "perform":
    recording.add_file(os.environ["token"], os.environ["key_auth"])
elif operation == "cleanup" and dns:
    recording.remove_txt(os.environ["domain"], label)
elif operation == "cleanup":
    recording.remove_file(os.environ["token"])
print(f"{operation} is done")
