#!/usr/bin/env python3
# ruff: noqa: SIM112 - the contract's variables are in lower case
"""A hook that sees for itself who runs beside it, in the folder $MEET, whatever the clock says.

It waits until $TOGETHER calls of its operation have begun, and notes in $RECORD whom it met. What $THEN names happens
after that: `fail`, `all-fail`, `hang`, or a signal's name. Speaks native, dehydrated and certbot.
"""

import json
import os
import signal
import sys
import time

import recording

PUBLISHING = ("perform", "deploy_challenge", "auth")
WITHDRAWING = ("cleanup", "clean_challenge", "cleanup-hook")
PATIENCE = 30

meet = os.environ["MEET"]
then = os.environ.get("THEN", "")


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            print("nobody came")
            sys.exit(9)
        time.sleep(0.005)


def place(number=0):
    """How many calls of this operation came before; a link is made at once or not at all."""
    try:
        os.symlink(str(os.getpid()), f"{meet}/{operation}-{number}")
    except FileExistsError:
        return place(number + 1)
    return number


def ended(number):
    """Whether Certbot has seen the end of a call."""
    try:
        os.kill(int(os.readlink(f"{meet}/{operation}-{number}")), 0)
    except ProcessLookupError:
        return True
    return False


def misbehave(number):
    if then == "hang":
        signal.pause()
    if then.startswith("SIG"):
        if number == together - 1:
            os.kill(os.getppid(), getattr(signal, then))
        signal.pause()
    if number == 0:
        print("the first one fails")
        sys.exit(3)
    wait_until(lambda: ended(0))
    if then == "all-fail":
        print("so does the next one")
        sys.exit(4)


operation = sys.argv[1]
words = sys.argv[2:]
name = os.environ.get("domain") or os.environ.get("CERTBOT_DOMAIN") or (words or [""])[0]
value = os.environ.get("validation") or os.environ.get("CERTBOT_VALIDATION") or (words or [""])[-1]
together = int(os.environ["TOGETHER"]) if operation in PUBLISHING + WITHDRAWING else 1
os.makedirs(f"{meet}/now", exist_ok=True)
mark = f"{operation} {name} {os.getpid()}"
open(f"{meet}/now/{mark}", "x").close()
met = sorted(other for other in os.listdir(f"{meet}/now") if other != mark)
number = place()
record = {
    "operation": operation,
    "name": name,
    "value": value,
    "pid": os.getpid(),
    "met": met,
    "remaining": os.environ.get("CERTBOT_REMAINING_CHALLENGES"),
}
with open(os.environ["RECORD"], "a") as file:
    file.write(json.dumps(record) + "\n")
wait_until(lambda: os.path.lexists(f"{meet}/{operation}-{together - 1}"))
if operation in PUBLISHING:
    if then:
        misbehave(number)
    recording.add_txt(name, value)
elif operation in WITHDRAWING and not then:
    recording.remove_txt(name)
os.unlink(f"{meet}/now/{mark}")
