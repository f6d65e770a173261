#!/usr/bin/env python3
"""A hook of Certbot's for both ways, as deSEC's is: it publishes, unless it is told that it has printed the value.

$PRINTS is "first", before it publishes, or "last". With $STOPS the last one of a batch stops for good once it has
published, and says so in $RECORD.stopped.
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
recording.add_txt(name, value)
if os.environ.get("STOPS") and os.environ["CERTBOT_REMAINING_CHALLENGES"] == "0":
    open(f"{os.environ['RECORD']}.stopped", "w").close()
    time.sleep(600)
print(f"Challenge set to {value}.")
