#!/usr/bin/env python3
"""A Dehydrated hook that does what it is asked, one by one or chained; http-01 files are its caller's business."""

import os
import sys

import recording

operation = recording.begin()
words = sys.argv[2:]
dns = os.environ.get("CHALLENGETYPE") == "dns-01"
if operation in ("deploy_challenge", "clean_challenge"):
    for domain, _, value in zip(words[::3], words[1::3], words[2::3], strict=True):
        if dns and operation == "deploy_challenge":
            recording.add_txt(domain, value)
        elif dns:
            recording.remove_txt(domain)
elif operation not in ("deploy_cert", "unchanged_cert"):
    # Many public hooks do so too.
    sys.exit(f"unknown hook {operation}")
