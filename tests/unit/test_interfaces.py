"""What a backend or dialect may have besides its contract is read once, in one place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import certbot_external_auth
from certbot_external_auth.backends import Context
from certbot_external_auth.backends.handler.backend import HandlerBackend
from certbot_external_auth.backends.json_lines import JsonBackend
from certbot_external_auth.dialects import Facts, dialect
from certbot_external_auth.interfaces import BackendAbilities, DialectAbilities
from certbot_external_auth.settings import Settings

PACKAGE = Path(certbot_external_auth.__file__).parent
ABILITIES = ("told_aliases", "looks", "kept_outputs", "hear", "folder", "told_output", "output_variable", "exit")


class Plain:
    """Neither a backend nor a dialect needs more than its contract."""


def backend(**settings: Any) -> HandlerBackend:
    return HandlerBackend(Context(Settings("handler", handler="/bin/true", **settings), Facts(), words=("/bin/true",)))


def test_a_plain_object_has_no_abilities() -> None:
    plain: Any = Plain()
    assert BackendAbilities.of(plain) == BackendAbilities()
    assert DialectAbilities.of(plain) == DialectAbilities()


def test_abilities_of_backends() -> None:
    assert BackendAbilities.of(backend(dialect="uacme")).told_aliases is False
    # Names that are aliases of one name are one place for calls side by side.
    assert BackendAbilities.of(backend(dialect="uacme", jobs=2)).told_aliases is True
    kept = backend(dialect="certbot")
    assert BackendAbilities.of(kept).outputs is kept
    assert not hasattr(JsonBackend, "kept_outputs")


def test_half_of_an_ability_is_none() -> None:
    """Guards against: a run that registers its listener with a backend that has none."""
    half: Any = Plain()
    half.kept_outputs = {"c1": "text"}
    assert BackendAbilities.of(half).outputs is None


def test_abilities_of_dialects() -> None:
    assert DialectAbilities.of(dialect("acmetool")).folder
    native = DialectAbilities.of(dialect("native"))
    assert native == DialectAbilities(told_aliases=True, persists=True, own_variables=native.own_variables)
    assert "cbot_txt_target" in native.own_variables
    certbot = DialectAbilities.of(dialect("certbot"))
    assert (certbot.told_output, certbot.output_variable) == (True, "CERTBOT_AUTH_OUTPUT")
    ending = DialectAbilities.of(dialect("dehydrated")).exit
    assert ending is not None
    assert [call.arguments for call in ending(Facts(), "why")] == [("exit_hook", "why")]


def test_nobody_else_asks_whether_an_ability_is_there() -> None:
    """Guards against: an ability that the contract does not declare, and that type checkers do not see."""
    probe = re.compile(rf"(?:getattr|hasattr)\([^()]*(?:\([^()]*\))?[^()]*\"(?:{'|'.join(ABILITIES)})\"")
    probing = {path.name for path in PACKAGE.rglob("*.py") if probe.search(path.read_text())}
    assert probing == {"interfaces.py"}
