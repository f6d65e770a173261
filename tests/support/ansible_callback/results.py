"""A callback plugin of Ansible, which writes what every task returned into the file $RESULTS, for tests.

Ansible loads it by its path; what people see is what the default callback prints.
"""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: results
type: aggregate
short_description: writes what every task returned into a file
description: For tests.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Collects results until the play has ended."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "results"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *words: Any, **more: Any) -> None:
        super().__init__(*words, **more)
        self._tasks: list[tuple[str, dict[str, Any]]] = []

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._tasks.append((task.get_name(), {}))

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self._tasks.append((task.get_name(), {}))

    def v2_runner_on_ok(self, result: Any) -> None:
        self._note(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._note(result, failed=True)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._note(result, unreachable=True)

    def _note(self, result: Any, **more: Any) -> None:
        if self._tasks:
            # As it is printed: without what a task keeps secret.
            shown = json.loads(self._dump_results(result._result))
            if "diff" in result._result:
                shown["diff"] = json.loads(json.dumps(result._result["diff"], default=str))
            self._tasks[-1][1][result._host.get_name()] = {**shown, **more}

    def v2_playbook_on_stats(self, stats: Any) -> None:
        hosts = {name: stats.summarize(name) for name in stats.processed}
        with open(os.environ["RESULTS"], "w") as file:
            json.dump({"hosts": hosts, "tasks": self._tasks}, file)
