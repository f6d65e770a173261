#!/usr/bin/python
# Copyright (c) The authors of certbot-external-auth
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put lines into the configuration of a server, with a test and a way back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: responder_install
short_description: Put lines into the configuration of a web server, test it, and go back if the test fails
version_added: 1.0.0
description:
  - Writes a file with O(lines), or puts them into a file that exists, after each line that matches
    O(insert_after).
  - The file changes at once. Runs O(test) afterwards. If it fails, the file is as it was before, and the module fails.
extends_documentation_fragment:
  - ansible.builtin.files
  - external_auth.certbot.session.attributes
options:
  path:
    description:
      - The file. Its folder exists.
    type: path
    required: true
  lines:
    description:
      - What C(certbot-external-auth thumbprint --format) prints.
    type: str
    required: true
  insert_after:
    description:
      - A regular expression. The lines are put after each line of the file in which it is found, between two comments
        by which the module finds them again.
      - If not given, the file has nothing but the lines.
    type: str
  test:
    description:
      - A command that tests the configuration of the server, as a list of words.
    type: list
    elements: str
    default: []
  mode:
    description:
      - The permissions of the file. If not given, a new file gets V(0644), and another one keeps its own.
seealso:
  - name: The role responder
    description: It uses this module.
    link: https://github.com/EnigmaBridge/certbot-external-auth/blob/master/docs/stateless.md
author:
  - The authors of certbot-external-auth (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Let nginx answer
  external_auth.certbot.responder_install:
    path: /etc/nginx/snippets/acme.conf
    lines: "{{ lines }}"
    test: [nginx, -t]
  notify: Reload nginx

- name: Let HAProxy answer, which includes no files
  external_auth.certbot.responder_install:
    path: /etc/haproxy/haproxy.cfg
    lines: "{{ lines }}"
    insert_after: '^\s*bind\s+\S*:80\b'
    test: [haproxy, -c, -f, /etc/haproxy/haproxy.cfg]
  notify: Reload HAProxy
"""

RETURN = r"""
places:
  description: How many times the lines are in the file.
  returned: success
  type: int
  sample: 1
"""

import os
import re
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.text.converters import to_bytes, to_text
from ansible_collections.external_auth.certbot.plugins.module_utils import configuration

BEGIN = "# BEGIN external_auth.certbot"
END = "# END external_auth.certbot"
NEW_MODE = 0o644
_BLOCK = re.compile(
    r"^[ \t]*{}\n.*?^[ \t]*{}(?:\n|\Z)".format(re.escape(BEGIN), re.escape(END)), re.MULTILINE | re.DOTALL
)


def inserted(text, lines, pattern):
    """Return a text with the lines after each line that matches, and how many do. Lines of an earlier run are removed."""
    found, places = [], 0
    for line in _BLOCK.sub("", text).splitlines():
        found.append(line)
        if pattern.search(line):
            places += 1
            indent = line[: len(line) - len(line.lstrip())]
            found += [indent + one if one else one for one in [BEGIN, *lines.splitlines(), END]]
    return "".join(line + "\n" for line in found), places


class Target:
    """The file, as it was before."""

    def __init__(self, module):
        self._module = module
        self.path = os.path.realpath(module.params["path"])
        try:
            with open(self.path, "rb") as file:
                self.content = file.read()
                self._status = os.fstat(file.fileno())
        except FileNotFoundError:
            self.content = None

    def write(self, content):
        """Write the file; it changes at once."""
        with tempfile.NamedTemporaryFile(dir=self._module.tmpdir, delete=False) as file:
            file.write(content)
        if self.content is None:
            os.chmod(file.name, NEW_MODE)
        self._module.atomic_move(file.name, self.path)

    def set_attributes(self, changed):
        """Give it the owner, the group and the permissions that the task names; return whether any changed."""
        if self._module.check_mode and self.content is None:
            return changed
        arguments = self._module.load_file_common_arguments(self._module.params, path=self.path)
        return self._module.set_fs_attributes_if_different(arguments, changed)

    def restore(self):
        """Make it what it was before."""
        if self.content is None:
            os.unlink(self.path)
            return
        self.write(self.content)
        os.chown(self.path, self._status.st_uid, self._status.st_gid)
        os.chmod(self.path, self._status.st_mode & 0o7777)


def wanted(module, target):
    """Return what the file should have, and how many times the lines are in it; the module fails if they have no place."""
    lines = module.params["lines"].strip() + "\n"
    if module.params["insert_after"] is None:
        return to_bytes(lines), 1
    try:
        pattern = re.compile(module.params["insert_after"])
    except re.error as error:
        module.fail_json(msg=f"insert_after is not a regular expression: {error}.")
    before = to_text(target.content or b"", errors="surrogateescape")
    text, places = inserted(before, lines, pattern)
    if not places:
        module.fail_json(
            msg="No line of {} matches {}, so nothing was changed.".format(target.path, module.params["insert_after"])
        )
    return to_bytes(text, errors="surrogateescape"), places


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "lines": {"type": "str", "required": True},
            "insert_after": {"type": "str"},
            "test": {"type": "list", "elements": "str", "default": []},
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    target = Target(module)
    content, places = wanted(module, target)
    changed = content != target.content
    result = {"places": places}
    if changed and module._diff:
        texts = [to_text(one or b"", errors="surrogate_then_replace") for one in (target.content, content)]
        result["diff"] = {"before": texts[0], "after": texts[1], "before_header": target.path, "after_header": target.path}
    if changed and not module.check_mode:
        target.write(content)
    changed = target.set_attributes(changed)
    if changed and not module.check_mode:
        undone = "the file was removed" if target.content is None else "the file before is in place again"
        wrong = configuration.wrong(module, module.params["test"], undone)
        if wrong:
            target.restore()
            module.fail_json(msg=wrong)
    module.exit_json(changed=changed, **result)


if __name__ == "__main__":
    main()
