"""Runs an engine's own file in the Python that has the engine's library, and asks it about itself.

A record is added or removed by the same file, which the backend runs. Engines import this only inside functions, since
the other Python has nothing of ours.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from certbot_external_auth.processes import runner
from certbot_external_auth.processes.program import Program
from certbot_external_auth.providers import program
from certbot_external_auth.providers.engine import Kind, Missing, Problem, Provider, Variable

logger = logging.getLogger(__name__)

LIMIT_SECONDS = 60.0
MAX_ANSWER_BYTES = 4_000_000


@dataclass(frozen=True)
class Package:
    """What brings the library, by the names of packages; empty where there is none."""

    pip: str
    debian: str = ""


class Interpreter:
    """Certbot's own Python, or the one that a variable names, with an engine's file as its program.

    :param variable: its name; empty if only Certbot's own Python will do.
    """

    def __init__(self, file: str, settings: Mapping[str, str], package: Package, variable: str = "") -> None:
        self._file = os.path.abspath(file)
        self._settings = settings
        self._package = package
        self._variable = variable
        self._named = settings.get(variable, "") if variable else ""
        self._missing: dict[str, Missing | None] = {}
        self._described: dict[tuple[str, ...], list[Provider]] = {}
        self._about: dict[str, tuple[Provider | None, list[Problem]]] = {}

    def program(self, name: str) -> list[str]:
        """Return the command line, to which an operation is added."""
        python = shutil.which(os.path.abspath(self._named)) or self._named if self._named else sys.executable
        # As Certbot sees them: its snap has the plugins of other snaps in folders that Certbot adds to this list.
        folders = [] if self._named else [path for path in sys.path if os.path.isabs(path)]
        return [python, "-I", program.__file__, self._file, os.pathsep.join(folders), name]

    def missing(self, module: str) -> Missing | None:
        """Say what to install if the Python does not have a module. Another Python is started for that, once."""
        if module not in self._missing:
            self._missing[module] = self._looked(module)
        return self._missing[module]

    def _looked(self, module: str) -> Missing | None:
        why = ""
        if self._named:
            why = self._ask({}, self._settings).get("error", "")
            absent = bool(why)
        else:
            absent = importlib.util.find_spec(module) is None
        return Missing(self._package.pip, tuple(self._commands()), why) if absent else None

    def providers(self, instead: Mapping[str, Sequence[str]], names: Sequence[str] | None = None) -> list[Provider]:
        """Return these or all providers, as they are in an empty environment.

        :param instead: what other engines can use in place of one that is refused.
        """
        if (key := tuple(names or ())) not in self._described:
            environment = {name: self._settings[name] for name in ("PATH", "HOME") if name in self._settings}
            told = self._ask({"describe": names}, environment).get("described", {})
            self._described[key] = [_provider(name, told[name], instead) for name in told]
        return self._described[key]

    def about(self, name: str, instead: Mapping[str, Sequence[str]]) -> tuple[Provider | None, list[Problem]]:
        """Return a provider, None if it is not known, and what keeps it from being used with the settings."""
        if name not in self._about:
            answer = self._ask({"describe": [name], "check": name}, self._settings)
            told = answer.get("described", {}).get(name)
            said = answer.get("problems", [["SAID", {"text": answer.get("error", "")}]])
            problems = [Problem(Kind[kind], facts) for kind, facts in said]
            self._about[name] = _provider(name, told, instead) if told else None, problems
        return self._about[name]

    def _ask(self, given: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
        """Let the program tell; see `program.tell`. Member ``error`` says why it did not."""
        words, stdin = [*self.program(""), program.TELL], json.dumps(given).encode()
        with tempfile.TemporaryFile() as told, runner.Together[None]() as together:
            how = Program(words, environment, logger.debug, stdin, limit=LIMIT_SECONDS, stdout=told.fileno())
            together.start(None, how)
            ((_, ended),) = together.wait()
            if not ended.ok:
                return {"error": ended.tail[-1] if ended.tail else str(ended)}
            told.seek(0)
            answer: dict[str, Any] = json.loads(told.read(MAX_ANSWER_BYTES))
        return answer

    def _commands(self) -> list[str]:
        """Return the command that installs the package, for the way in which Certbot was installed here."""
        if self._named:
            return [f"{self._named} -m pip install {self._package.pip}"]
        if "SNAP" in os.environ and self._package.pip.startswith("certbot-dns-"):
            return [f"snap install {self._package.pip} && snap connect certbot:plugin {self._package.pip}"]
        if sys.prefix != sys.base_prefix:
            return [f"{sys.executable} -m pip install {self._package.pip}"]
        return [f"apt-get install {self._package.debian}"] if self._package.debian else self._beside()

    def _beside(self) -> list[str]:
        """Return what makes an environment beside a Certbot that must stay as it is."""
        folder = f"/opt/{self._package.pip}"
        named = f", and set {self._variable}={folder}/bin/python" if self._variable else ""
        return [f"python3 -m venv {folder} && {folder}/bin/pip install {self._package.pip}{named}"]


def _provider(name: str, told: Mapping[str, Any], instead: Mapping[str, Sequence[str]]) -> Provider:
    facts = {"name": name, "why": told["error"].rstrip("."), "instead": tuple(instead.get(name, ()))}
    group_of = {one: index for index, group in enumerate(told.get("groups", ())) for one in group}
    variables = [Variable(one, " ".join(words.split()), group_of.get(one)) for one, words in told["variables"].items()]
    refused = Problem(Kind.REFUSED, facts) if told["error"] else None
    return Provider(name, told["title"], told["url"], tuple(variables), refused)
