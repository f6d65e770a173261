#!/usr/bin/env python3
# ruff: noqa: SIM112 - the contract's variables are in lower case
"""A hook that overwrites: at a name there is only what came last. It breaks a base name with its wildcard."""

import os

import recording

if recording.begin() == "perform":
    recording.remove_txt(os.environ["domain"])
    recording.add_txt(os.environ["domain"], os.environ["validation"])
