# Copyright (c) The authors of certbot-external-auth
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# SPDX-License-Identifier: Apache-2.0

"""Show text that another machine has sent: in one line, not too long, and without control characters."""

from __future__ import annotations

MAX_CHARACTERS = 300
"""Longest text of one host. Several of them are one argument of a command, whose length is limited."""


def readable(text, most=MAX_CHARACTERS):
    """Return a text as it may be shown."""
    # What is cut off is not looked at: it may be long.
    line = " ".join("".join(one if one.isprintable() else " " for one in text[: 4 * most]).split())
    return line if len(line) <= most else line[:most] + "…"
