#!/usr/bin/env python3
# ruff: noqa: SIM112 - the contract's variables are in lower case
"""Publishes, and prints what no terminal or log should be given as it is: a lot, in long lines, binary, escapes."""

import os
import sys

import recording

operation = recording.begin()
for number in range(6000):
    print(f"line {number} of {operation}")
print("x" * 300_000)
sys.stdout.flush()
os.write(1, b"\xff\xfe\x00 \x1b[2J\x1b]0;title\x07 red\rgone \xe2\x80\xae\n")
os.write(2, b"no line end at the end")
if operation == "perform":
    recording.add_txt(os.environ["domain"], os.environ["validation"])
elif operation == "cleanup":
    recording.remove_txt(os.environ["domain"])
if os.environ.get("NOISY_END"):
    sys.exit(int(os.environ["NOISY_END"]))
