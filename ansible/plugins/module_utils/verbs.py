# Copyright (c) The authors of certbot-external-auth
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# SPDX-License-Identifier: Apache-2.0

"""Run the verbs of certbot-external-auth, and read the documents that they print."""

from __future__ import annotations

import json
import os

ARGUMENTS = {
    "executable": {"type": "str", "default": "certbot-external-auth"},
    "config_dir": {"type": "path"},
    "work_dir": {"type": "path"},
}
"""Arguments of every module that runs verbs."""
OPEN = ("waiting", "more", "working")
"""States of a session whose Certbot runs."""


class Verbs:
    """The command certbot-external-auth, with the directories that a task names."""

    def __init__(self, module):
        self._module = module
        self._command = self._found(module.params["executable"])

    def _found(self, name):
        if os.path.isabs(name):
            return name
        return self._module.get_bin_path(name, required=True)

    @property
    def folder(self):
        """Return the folder of the command, where Certbot is usually installed, too."""
        return os.path.dirname(os.path.realpath(self._command))

    def run(self, verb, *words):
        """Run a verb, and return its document.

        If there is none, the module fails: the verb was used wrongly, or could not print.
        """
        folders = []
        for name in ("config_dir", "work_dir"):
            if self._module.params[name]:
                folders += ["--" + name.replace("_", "-"), self._module.params[name]]
        code, out, err = self._module.run_command([self._command, verb, *folders, *words], handle_exceptions=False)
        try:
            return json.loads(out)
        except ValueError:
            said = " ".join((err or out).split())
            self._module.fail_json(msg=said or f"{self._command} {verb} ended with code {code}.")

    def session(self, name):
        """Return the document of a session as it is now; the module fails if there is no such session."""
        document = self.run("status", name)
        if "session" not in document:
            self._module.fail_json(**failure(document))
        return document


def changed(document):
    """Tell whether a session has written or deployed a certificate."""
    return any(one["changed"] for one in document.get("certificates", ()))


def failure(document):
    """Return the arguments of `fail_json` for a document: the reason, and what has to be done, but not what is empty.

    Ansible shows all of them to the user.
    """
    kept = ("session", "state", "open", "until", "problems", "errors", "remove", "leftover")
    found = {key: document[key] for key in kept if _has_something(document.get(key))}
    return dict(found, msg=document["message"])


def _has_something(value):
    return any(value.values()) if isinstance(value, dict) else bool(value)


def summary(certificate):
    """Return of a certificate what a diff shows."""
    return {key: certificate[key] for key in ("domains", "not_after", "sha256") if key in certificate}
