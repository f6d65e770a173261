#!/usr/bin/env python3
"""A hook of Certbot's for both ways, as deSEC's is: it publishes, unless it is told that it has printed the value.

$PRINTS is "first", before it publishes, "last", or "progress": another line before, and the value last. With $STOPS the
last one of a batch stops for good once it has published, and says so in $RECORD.stopped. With $FAILS the last one of a
batch, if it is to publish, publishes nothing, prints an error message to that stream, and fails.
"""

import os
import sys
import time

import recording

name, value = os.environ["CERTBOT_DOMAIN"], os.environ["CERTBOT_VALIDATION"]
withdraws = value in os.environ.get("CERTBOT_AUTH_OUTPUT", "")
sys.argv.append("withdraw" if withdraws else "publish")
recording.begin()
if withdraws:
    recording.remove_txt(name)
    sys.exit()
if os.environ.get("PRINTS") == "first":
    print(f"Setting challenge to {value} ...", flush=True)
if os.environ.get("PRINTS") == "progress":
    print("Waiting for the API ...", flush=True)
if os.environ.get("FAILS") and os.environ["CERTBOT_REMAINING_CHALLENGES"] == "0":
    sys.exit(print("HTTP 503 from the API", file=getattr(sys, os.environ["FAILS"])) or 1)
recording.add_txt(name, value)
if os.environ.get("STOPS") and os.environ["CERTBOT_REMAINING_CHALLENGES"] == "0":
    open(f"{os.environ['RECORD']}.stopped", "w").close()
    time.sleep(600)
print(f"Challenge set to {value}.")
