"""Every sentence about a file of routes. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from certbot_external_auth.routes.keys import KEYS
from certbot_external_auth.routes.problem import Kind, Problem
from certbot_external_auth.text import quoted

Facts = Mapping[str, str]


def sentence(path: str, problem: Problem) -> str:
    """Say what is wrong and what to do, with file and line in front."""
    return f"{place(path, problem.line)}: {_SENTENCES[problem.kind](problem.facts)}"


def place(path: str, line: int) -> str:
    """Name a line of a file; 0 is the whole file."""
    return f"{path}:{line}" if line else path


def _no_domain(facts: Facts) -> str:
    section = quoted(facts["section"])
    if facts["text"]:
        return f"{section} is not a domain name; write [{facts['text']}], which stands for that name and all below it."
    return (
        f"{section} is not a domain name; write it as in DNS (xn--… for international names), or [*] for all names "
        "without another section."
    )


def _unknown_key(facts: Facts) -> str:
    hint = f"did you mean {facts['text']}?" if facts["text"] else f"accepted: {', '.join(KEYS)}."
    return f"{quoted(facts['key'])} is not a key of a route; {hint}"


def _unknown_type(facts: Facts) -> str:
    hint = f"; did you mean {facts['more']}?" if facts["more"] else "."
    return f"challenge: {quoted(facts['text'])} is not a challenge type{hint}"


_SENTENCES: dict[Kind, Callable[[Facts], str]] = {
    Kind.UNREADABLE: lambda facts: f"the file cannot be read ({facts['text']}); correct --external-auth-routes.",
    Kind.UNTRUSTED: lambda facts: facts["text"],
    Kind.NO_SECTION: lambda facts: "the file has no section; write [example.org], or [*], and below it handler = …",
    Kind.NO_LINE: lambda facts: (
        f"{quoted(facts['text'])} is neither a [section] nor KEY = VALUE; a comment begins with #."
    ),
    Kind.BEFORE_SECTION: lambda facts: (
        f"{quoted(facts['key'])} stands before the first section; write a [section] above it."
    ),
    Kind.NO_DOMAIN: _no_domain,
    Kind.SECTION_TWICE: lambda facts: (
        f"the section [{facts['section']}] is there already, in line {facts['text']}; keep one."
    ),
    Kind.KEY_TWICE: lambda facts: f"{facts['key']} is in this section already, in line {facts['text']}; keep one.",
    Kind.UNKNOWN_KEY: _unknown_key,
    Kind.NO_VALUE: lambda facts: f"{facts['key']} has no value; write one, or remove the line.",
    Kind.NO_PUBLISHER: lambda facts: (
        f"the section [{facts['section']}] does not say who publishes; add a line handler = … or provider = …"
    ),
    Kind.TWO_PUBLISHERS: lambda facts: (
        f"the section [{facts['section']}] has both handler and provider; keep one of them."
    ),
    Kind.UNKNOWN_TYPE: _unknown_type,
    Kind.NOT_CARRIED: lambda facts: (
        f"challenge: {facts['who']} supports only {facts['more']}, not {facts['text']}; remove it here, or use another."
    ),
    Kind.NOT_PREFERRED: lambda facts: (
        f"challenge: {facts['text']} is not among --preferred-challenges {facts['more']}; correct one of them."
    ),
    Kind.WRONG: lambda facts: facts["text"],
    Kind.UNUSABLE: lambda facts: f"[{facts['section']}]: {facts['text']}",
    Kind.NO_ROUTE: lambda facts: f"no section is for {facts['text']}; add one, or a section [*] for all other names.",
}
