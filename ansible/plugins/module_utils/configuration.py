# Copyright (c) The authors of certbot-external-auth
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# SPDX-License-Identifier: Apache-2.0

"""Test the configuration of a server with the command that a task names."""

from __future__ import annotations

LAST_LINES = 3


def wrong(module, words, undone):
    """Return one sentence about the error in the configuration; None if the test finds none, or if there is no test.

    :param undone: what is done if the test fails.
    """
    if not words:
        return None
    code, out, err = module.run_command(words)
    if code == 0:
        return None
    lines = [line for line in (err or out).splitlines() if line.strip()]
    said = ": " + "; ".join(lines[-LAST_LINES:]) if lines else ""
    return "{} ended with code {}, so {}{}".format(" ".join(words), code, undone, said)
