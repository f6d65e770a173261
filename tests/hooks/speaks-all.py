#!/usr/bin/env python3
"""A hook of every foreign dialect at once: records how it was called, and publishes TXT records.

With KIND=http-01 files instead; those of Dehydrated's are its caller's business.
"""

import os
import sys

import recording

arguments = sys.argv[1:]
operation = arguments[0] if arguments else os.environ.get("SPEAKS", "auth-hook")
kind = os.environ.get("KIND", "dns-01")
label = ""
if operation == "begin" and arguments[1] != kind:
    # uacme's way to be offered the next type.
    sys.exit(1)
if operation.startswith("challenge-") and not operation.startswith(f"challenge-{kind[:-3]}-"):
    # acmetool's way.
    sys.exit(42)
if not arguments:
    sys.argv.append(operation)
recording.begin()
if kind == "http-01":
    if operation in ("begin", "challenge-http-start"):
        recording.add_file(arguments[3], arguments[4] if operation == "begin" else recording.given[0])
    elif operation in ("done", "failed", "challenge-http-stop"):
        recording.remove_file(arguments[3])
    elif operation == "auth-hook" and "CERTBOT_AUTH_OUTPUT" not in os.environ:
        recording.add_file(os.environ["CERTBOT_TOKEN"], os.environ["CERTBOT_VALIDATION"])
    elif operation == "auth-hook":
        recording.remove_file(os.environ["CERTBOT_TOKEN"])
    sys.exit()
if operation in ("deploy_challenge", "clean_challenge"):
    adds, pairs = operation == "deploy_challenge", list(zip(arguments[1::3], arguments[3::3], strict=True))
elif operation in ("present", "cleanup") and len(arguments) == 3:
    # The label of an account may be in front.
    label, _, domain = arguments[1].rstrip(".").partition("_acme-challenge.")
    adds, pairs = operation == "present", [(domain, arguments[2])]
elif operation in ("present", "cleanup"):
    digest = recording.digest(arguments[4])
    adds, pairs = operation == "present", [(arguments[2], digest)]
elif operation in ("begin", "done", "failed"):
    adds, pairs = operation == "begin", [(arguments[2], arguments[4])]
elif operation in ("challenge-dns-start", "challenge-dns-stop"):
    adds, pairs = operation.endswith("start"), [(arguments[1], arguments[3])]
elif operation in ("auth-hook", "cleanup-hook"):
    adds = "CERTBOT_AUTH_OUTPUT" not in os.environ
    pairs = [(os.environ["CERTBOT_DOMAIN"], os.environ["CERTBOT_VALIDATION"])]
    print(f"published for {os.environ['CERTBOT_DOMAIN']}")
else:
    adds, pairs = False, []
for domain, value in pairs:
    whole = f"{label}_acme-challenge"
    recording.add_txt(domain, value, whole) if adds else recording.remove_txt(domain, whole)
