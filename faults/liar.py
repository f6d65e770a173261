"""A server in front of Pebble that changes one thing in its answers."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
from collections.abc import Iterator

from faults.hostile_answers import Hostile
from tests.support.front import Answer, Front
from tests.support.testca import TestCA

TRIES = 3


class Liar(Front):
    """:ivar lies: whether it does yet. :ivar lied: whether it has. :ivar others: authorizations it has seen before."""

    def __init__(self, ca: TestCA, hostile: Hostile, name: str) -> None:
        super().__init__(ca, ca.directory)
        self._hostile = hostile
        self._name = name
        self.lies = not hostile.other_order
        self.others: list[str] = []
        self.lied = False

    def after(self, url: str, request: bytes, answer: Answer) -> Answer:
        kind = url.split("/")[3]
        try:
            value = json.loads(answer.body)
        except ValueError:
            value = {}
        if not self.lies:
            self.others += value.get("authorizations", [])
            return answer
        honest = json.dumps(value)
        if self.others and "authorizations" in value:
            value["authorizations"] += self.others
        changed = self._hostile.change(kind, value, answer, self._name)
        if changed is None and json.dumps(value) != honest:
            changed = dataclasses.replace(answer, body=json.dumps(value).encode())
        self.lied = self.lied or changed is not None
        return changed or answer

    @contextlib.contextmanager
    def serving(self) -> Iterator[TestCA]:
        """The CA behind this server; all clients use the directory of this server."""
        with contextlib.ExitStack() as stack:
            # Another process may take a port between its choice and its use.
            for left in reversed(range(TRIES)):
                try:
                    directory = stack.enter_context(self.at(self.ca.free_port()))
                    break
                except OSError:
                    if not left:
                        raise
            front = copy.copy(self.ca)
            front.directory = directory
            # Its bookkeeping of authorizations would be lied to as well; no name is used twice here.
            front.authz_reuse = 100
            yield front
