"""Gives random input to everything that reads what others wrote: only a module's own error may come out."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from certbot_external_auth import endpoint, text
from certbot_external_auth.challenges import Challenge, guard
from certbot_external_auth.configuration.resolution import resolve
from certbot_external_auth.errors import GuardError, UsageError
from certbot_external_auth.handler_setup import command_line, env_file
from certbot_external_auth.journal import entry as journal_entry
from certbot_external_auth.processes import output
from certbot_external_auth.processes.table import parse_stat
from certbot_external_auth.protocol import answers
from certbot_external_auth.settings import OPTIONS
from faults.table import Row, Table

EXAMPLES, FEW = 100_000, 450
"""How many examples all readers get together."""

# The example key of RFC 8555, which is not in use.
TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
THUMBPRINT = "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
CHALLENGE = Challenge("c1", "dns-01", "example.org", "dns", TOKEN, f"{TOKEN}.{THUMBPRINT}")
ENTRY = journal_entry.Entry(
    id="0123456789abcdef0123456789abcdef",
    written="2026-01-02T03:04:05.000Z",
    mode="handler",
    config_dir="/etc/letsencrypt",
    lineage="example.org",
    names=("example.org",),
    handler=journal_entry.Handler(words=("/usr/local/sbin/hook",)),
    challenges=(CHALLENGE,),
)
MEMBERS = json.loads(journal_entry.encode(ENTRY))

WORDS = ("example.org", "*.example.org", "192.0.2.1", "::1", "dns", "ip", "dns-01", TOKEN, f"{TOKEN}.{THUMBPRINT}", "")
words = st.text(max_size=40) | st.sampled_from(WORDS)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)
documents = st.binary(max_size=300) | values.map(lambda value: json.dumps(value).encode())


@dataclass(frozen=True)
class Property:
    """One reader. :ivar holds: reads an example, raises nothing else, and asserts what must be true of the result."""

    what: str
    examples: st.SearchStrategy[Any]
    holds: Callable[[Any], None]


def _guard(example: tuple[Challenge, list[str] | None]) -> None:
    challenge, asked = example
    with contextlib.suppress(GuardError):
        (passed,) = guard.check([challenge], asked)
        # What the guard accepts must be safe for every handler.
        assert set(passed.identifier) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-:")
        assert not passed.identifier.startswith(("-", "."))
        assert set(challenge.identifier.lower()) == set(passed.identifier)
        assert set(f"{passed.token}{passed.key_authorization}".lower()) <= set(
            "abcdefghijklmnopqrstuvwxyz0123456789._-"
        )
        assert asked is None or passed.identifier in map(guard.base_name, asked)


def _journal(data: bytes) -> None:
    with contextlib.suppress(journal_entry.EntryError):
        entry = journal_entry.decode(data)
        assert journal_entry.decode(journal_entry.encode(entry)) == entry


def _answer(lines: list[bytes]) -> None:
    ledger = answers.Ledger()
    for number in range(2):
        ledger.expect(f"c{number}", "perform_challenge", 100.0)
    for line in lines:
        with contextlib.suppress(answers.AnswerError):
            answer = answers.parse(line)
            ledger.apply(answer, 1.0)
            assert text.clean(answer.message) == answer.message


def _environment(content: str) -> None:
    with contextlib.suppress(env_file.EnvFileError):
        variables = env_file.parse(content)
        assert all(env_file.is_variable(name) and "\0" not in value for name, value in variables.items())


def _command(typed: str) -> None:
    with contextlib.suppress(UsageError):
        words = command_line.resolve_typed(typed, "--external-auth-handler", "/", "/usr/bin:/bin")
        kept = command_line.keep(words)
        assert "%(" not in kept
        assert shlex.split(kept) == words


def _settings(raw: dict[str, str | None]) -> None:
    with contextlib.suppress(UsageError):
        resolve({option.name: raw.get(option.name) for option in OPTIONS})


def _endpoints(typed: str) -> None:
    with contextlib.suppress(endpoint.EndpointError):
        assert all(0 < one.port < 65536 for one in endpoint.parse_list(typed, 53))


def _process(line: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert text.clean(parse_stat(line).name) == parse_stat(line).name


def _printed(chunks: list[bytes]) -> None:
    said: list[str] = []
    printed = output.Output(said.append)
    for chunk in chunks:
        printed.feed(1, chunk, standard=True)
    printed.flush()
    assert all(line.isprintable() or set(line) & {"\t", "\u00ad"} or text.clean(line) == line for line in said)
    assert not any({"\x1b", "\x9b", "\0", "\x07"} & set(line) for line in (*said, *printed.tail))


names = words | st.builds(
    "{}{}".format, st.sampled_from(("fe80::1%", "boo\u212a.", *WORDS)), st.text(max_size=10) | st.sampled_from(WORDS)
)
challenges = st.builds(Challenge, st.just("c1"), words, names, words, words, words) | st.builds(
    partial(dataclasses.replace, CHALLENGE),
    identifier=names,
    identifier_type=st.sampled_from(("dns", "ip")),
    type=st.sampled_from(("dns-01", "http-01")),
)
journals = documents | st.dictionaries(st.sampled_from(sorted(MEMBERS)), values, max_size=3).map(
    lambda changed: json.dumps({**MEMBERS, **changed}).encode()
)
members = {"id": words, "ok": values, "wait": values, "error": values}
lines = documents | st.fixed_dictionaries({}, optional=members).map(lambda value: json.dumps(value).encode())
assignments = st.lists(st.text("AB_1=\"'\\ \t#;\n\0é$", max_size=20), max_size=6).map("\n".join) | st.text()
arguments = st.text("ab /~%()'\"\\\0é", max_size=20) | st.text(max_size=40)
PROPERTIES = (
    Property("the guard", st.tuples(challenges, st.none() | st.lists(words, max_size=3)), _guard),
    Property("files of the journal", journals, _journal),
    Property("answers of a driver", st.lists(lines, max_size=4), _answer),
    Property("environment files", assignments, _environment),
    Property("command lines", arguments, _command),
    Property(
        "values of all options",
        st.dictionaries(st.sampled_from([one.name for one in OPTIONS]), st.none() | arguments | words, max_size=5),
        _settings,
    ),
    Property("lists of name servers", st.text("a1.:[]%,- ", max_size=30) | arguments, _endpoints),
    Property("lines of /proc", st.binary(max_size=200), _process),
    Property("output of a handler", st.lists(st.binary(max_size=100), max_size=5), _printed),
)


def table(quick: bool, number: int) -> Table:
    rows = [_row(one, math.ceil((FEW if quick else EXAMPLES) / len(PROPERTIES)), number) for one in PROPERTIES]
    return Table(
        "Random input",
        "Hypothesis creates examples for each reader, from noise to almost correct input. The reader "
        "may refuse an example only by its own error. The test also checks what the reader accepts.",
        ("input", "examples", "errors"),
        rows,
    )


def _row(reader: Property, count: int, number: int) -> Row:
    tried = 0

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(reader.examples)
    def holds(example: Any) -> None:
        nonlocal tried
        tried += 1
        reader.holds(example)

    try:
        holds()
    except Exception as error:
        return Row(False, (reader.what, tried, f"{type(error).__name__}: {error}"[:300]))
    return Row(True, (reader.what, tried, "none"))
