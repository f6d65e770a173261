"""Follow one dns-01 challenge through the package, and count the rooms that it passes.

A room is a folder of the package, or a module at its top. A move is a call from one room into another that hands over
the challenge, or anything that holds its token. A climb is a move into a room which the calling one does not import: it
was handed a function to call back. Moves between the same two rooms count once in each direction.

Works on any tree of the package: PYTHONPATH=TREE python scripts/trip.py
Fails where the trip has become longer than `LONGEST`, so that this is a decision and not an accident.
"""

from __future__ import annotations

import ast
import functools
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, cast

import certbot.main  # noqa: F401  (Certbot has loaded itself when it calls a plugin)
from acme import challenges, messages
from certbot.achallenges import KeyAuthorizationAnnotatedChallenge
from cryptography.hazmat.primitives.asymmetric import rsa
from josepy import jwk

import certbot_external_auth
from certbot_external_auth import plugin

TREE = Path(certbot_external_auth.__file__).parent
TOKEN = b"the token of the trip that is counted"
LONGEST = (10, 12, 1)
"""Rooms, moves and climbs at most."""
DEPTH = 5
"""How far into a value the token is looked for."""

Move = tuple[str, str]


def main() -> int:
    """Publish and withdraw one challenge with a handler that does nothing, and print what was counted."""
    moves: dict[Move, None] = {}
    sys.setprofile(functools.partial(_note, moves))
    try:
        with tempfile.TemporaryDirectory() as folder:
            _publish_and_withdraw(folder)
    finally:
        sys.setprofile(None)
    for start, end in moves:
        print(f"{start} -> {end}{'' if _imports(start, end) else ' (climb)'}")
    rooms = {room for move in moves for room in move}
    trip = len(rooms), len(moves), sum(not _imports(*move) for move in moves)
    print("trip of a challenge: {} rooms, {} moves, {} climbs".format(*trip))
    return int(any(count > most for count, most in zip(trip, LONGEST, strict=True)))


def _publish_and_withdraw(folder: str) -> None:
    made = plugin.ExternalAuth(_configuration(folder), "external-auth")
    achalls = [_achall()]
    made.prepare()
    made.perform(achalls)
    made.cleanup(achalls)


def _configuration(folder: str) -> Any:
    """Return what Certbot knows at ``certonly`` with a handler that does nothing, and without a look."""
    config = Namespace(
        domains=["trip.example"],
        csr=None,
        certname=None,
        verb="certonly",
        dry_run=False,
        quiet=True,
        noninteractive_mode=True,
        pref_challs=[],
        server="",
        account=None,
        https_port=443,
        http01_port=80,
        allow_subset_of_names=False,
        duplicate=False,
        key_type="ecdsa",
        elliptic_curve="secp256r1",
        configurator=None,
        rsa_key_size=2048,
        logs_dir=folder,
        config_dir=folder,
        work_dir=folder,
        authenticator="external-auth",
        installer=None,
    )
    found = plugin.ExternalAuth(cast(Any, config), "external-auth")
    for option in plugin.ExternalAuth.options:
        setattr(config, found.dest(option.name), None)
    setattr(config, found.dest("handler"), "/bin/true")
    setattr(config, found.dest("verify"), "off")
    return config


def _achall() -> KeyAuthorizationAnnotatedChallenge:
    key = jwk.JWKRSA(key=rsa.generate_private_key(public_exponent=65537, key_size=2048))
    body = messages.ChallengeBody(chall=challenges.DNS01(token=TOKEN), uri="https://ca.example/1", status="pending")
    identifier = messages.Identifier(typ=messages.IDENTIFIER_FQDN, value="trip.example")
    fields = KeyAuthorizationAnnotatedChallenge.__slots__
    name = {"identifier": identifier} if "identifier" in fields else {"domain": "trip.example"}
    return KeyAuthorizationAnnotatedChallenge(challb=body, account_key=key, **name)


def _note(moves: dict[Move, None], frame: FrameType, event: str, _argument: object) -> None:
    if event != "call" or (end := _room(frame.f_code)) is None:
        return
    start = next(filter(None, (_room(each.f_code) for each in _callers(frame))), None)
    if start not in (None, end) and (start, end) not in moves and _carries(frame):
        moves[start, end] = None


def _callers(frame: FrameType) -> Iterator[FrameType]:
    while (back := frame.f_back) is not None:
        frame = back
        yield frame


@functools.cache
def _room(code: CodeType) -> str | None:
    path = Path(code.co_filename)
    return path.relative_to(TREE).parts[0].removesuffix(".py") if path.is_relative_to(TREE) else None


def _carries(frame: FrameType) -> bool:
    """Tell whether an argument of a call holds the token. The object whose method it is does not count."""
    names = frame.f_code.co_varnames[: frame.f_code.co_argcount + frame.f_code.co_kwonlyargcount]
    values = [frame.f_locals[name] for name in names if name != "self" and name in frame.f_locals]
    token = challenges.DNS01(token=TOKEN).encode("token")
    return any(_holds(value, token, DEPTH) for value in values)


def _holds(value: Any, token: str, depth: int) -> bool:
    if isinstance(value, str):
        return token in value
    if depth == 0 or callable(value):
        return False
    if isinstance(value, dict):
        parts = list(value.values())
    elif isinstance(value, (list, tuple, set, frozenset)):
        parts = list(value)
    else:
        parts = list(getattr(value, "__dict__", {}).values())
    return any(_holds(part, token, depth - 1) for part in parts)


@functools.cache
def _imports(start: str, end: str) -> bool:
    """Tell whether a room imports another, at whatever place of its code."""
    place = TREE / start
    paths = place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]
    wanted = f"{TREE.name}.{end}"
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            if any(name == wanted or name.startswith(f"{wanted}.") for name in names):
                return True
    return False


if __name__ == "__main__":
    sys.exit(main())
