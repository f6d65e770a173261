#!/usr/bin/env -S python3 -S
"""A Dehydrated hook that does what it is asked, one by one or chained; http-01 files are its caller's business."""

import os
import sys

import recording

operation = recording.begin()
words = sys.argv[2:]
dns = os.environ.get("CHALLENGETYPE") == "dns-01"
tls = os.environ.get("CHALLENGETYPE") == "tls-alpn-01"
if operation in ("deploy_challenge", "clean_challenge"):
    for domain, _, value in zip(words[::3], words[1::3], words[2::3], strict=True):
        if dns and operation == "deploy_challenge":
            recording.add_txt(domain, value)
        elif dns:
            recording.remove_txt(domain)
        elif tls and operation == "deploy_challenge":
            path = os.path.join(os.environ["ALPNCERTDIR"], domain)
            recording.add_certificate(domain, f"{path}.crt.pem", f"{path}.key.pem")
        elif tls:
            recording.remove_certificate(domain)
elif operation not in ("deploy_cert", "unchanged_cert"):
    # Many public hooks do so too.
    sys.exit(f"unknown hook {operation}")
