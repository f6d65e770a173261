"""The answers of a hostile CA: each has a label, and changes an answer of Pebble on its way to Certbot."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.front import Answer

Json = dict[str, Any]
Change = Callable[[str, Any, Answer, str], "Answer | None"]
"""Takes the kind of an answer (the first part of Pebble's path), its JSON, the answer itself, and the requested name.
Returns the answer to send; or None to send the JSON, which it may have changed."""
ESCAPE = "\x1b[2J\x1b]0;owned\x07"
LONG = 400_000
DEPTH = 200_000


@dataclass(frozen=True)
class Hostile:
    """:ivar poison: what nobody may see; `{name}` stands for the name asked for.
    :ivar challenge: the type Certbot is told to prefer. :ivar other_order: there is an order for another name before.
    """

    what: str
    change: Change
    poison: tuple[str, ...] = ()
    challenge: str = "dns-01"
    other_order: bool = False


def expand(text: str, name: str) -> str:
    """Return a text of this module with the requested name, or one that looks like it, filled in."""
    looks = {"{NAME}": name.upper(), "{hom}": name.replace("test", "t\u0435st"), "{dot}": name.replace(".", "\u3002")}
    for word, meant in {"{name}": name, **looks}.items():
        text = text.replace(word, meant)
    return text


def _authorization(change: Callable[[Json, str], None]) -> Change:
    def apply(kind: str, value: Any, answer: Answer, name: str) -> None:
        if kind == "authZ":
            change(value, name)

    return apply


def _identifier(what: str, value: str, kind: str = "dns") -> Hostile:
    def change(authorization: Json, name: str) -> None:
        authorization["identifier"] = {"type": kind, "value": expand(value, name)}

    # The requested name may appear everywhere, in upper case too, and so may `test`, which is its end.
    poison = () if value in ("{name}", "{NAME}", "test", "{name}.") else (value,)
    return Hostile(f"identifier: {what}", _authorization(change), poison)


def _identifier_object(what: str, value: Any) -> Hostile:
    def change(authorization: Json, name: str) -> None:
        authorization["identifier"] = value

    return Hostile(f"identifier: {what}", _authorization(change))


def _token(what: str, token: Any, poison: str = "", challenge: str = "dns-01") -> Hostile:
    def change(authorization: Json, name: str) -> None:
        for challenge_object in authorization["challenges"]:
            challenge_object["token"] = token

    return Hostile(f"token: {what}", _authorization(change), (poison,) if poison else (), challenge)


def _type(what: str, kind: Any) -> Hostile:
    def change(authorization: Json, name: str) -> None:
        for challenge in authorization["challenges"]:
            challenge["type"] = kind

    return Hostile(f"type: {what}", _authorization(change), (kind,) if isinstance(kind, str) else ())


def _swapped(authorization: Json, name: str) -> None:
    other = {"dns-01": "http-01", "http-01": "dns-01"}
    for challenge in authorization["challenges"]:
        challenge["type"] = other.get(challenge["type"], challenge["type"])


def _twice(authorization: Json, name: str) -> None:
    authorization["challenges"] *= 2


def _thousand(authorization: Json, name: str) -> None:
    authorization["challenges"] *= 1000


def _none(authorization: Json, name: str) -> None:
    authorization["challenges"] = []


def _other_tokens(authorization: Json, name: str) -> None:
    more = [{**one, "token": "A" * 43} for one in authorization["challenges"]]
    authorization["challenges"] = more + authorization["challenges"] + more


def _order(change: Callable[[Json], None]) -> Change:
    def apply(kind: str, value: Any, answer: Answer, name: str) -> None:
        if kind in ("order-plz", "my-order") and "authorizations" in value:
            change(value)

    return apply


def _urls(change: Callable[[list[str]], list[str]]) -> Change:
    def apply(order: Json) -> None:
        order["authorizations"] = change(order["authorizations"])

    return _order(apply)


def _problem(kind: str, **members: Any) -> Change:
    """Answer with a problem document (RFC 7807)."""
    problem = {"type": "urn:ietf:params:acme:error:malformed", "detail": "no", "status": 400, **members}

    def apply(actual: str, value: Any, answer: Answer, name: str) -> Answer | None:
        if actual != kind:
            return None
        headers = [(key, text) for key, text in answer.headers if key.lower() != "content-type"]
        headers.append(("Content-Type", "application/problem+json"))
        return Answer(400, headers, json.dumps(problem).encode())

    return apply


def _invalid(**members: Any) -> Change:
    """Make the authorization invalid, with a problem document of this kind in its challenge."""
    asked: set[int] = set()

    def apply(kind: str, value: Any, answer: Answer, name: str) -> None:
        if kind == "chalZ":
            asked.add(1)
        if kind == "authZ" and asked:
            value["status"] = "invalid"
            problem = {"type": "urn:ietf:params:acme:error:unauthorized", "status": 403, "detail": "no", **members}
            for challenge in value["challenges"]:
                challenge.update(status="invalid", error=problem)

    return apply


def _bytes(kind: str, content: bytes, **headers: str) -> Change:
    def apply(actual: str, value: Any, answer: Answer, name: str) -> Answer | None:
        if actual != kind:
            return None
        kept = [(key, text) for key, text in answer.headers if key.lower() != "content-type" or not headers]
        return dataclasses.replace(answer, headers=[*kept, *headers.items()], body=content)

    return apply


def _redirect(kind: str, status: int, location: str) -> Change:
    def apply(actual: str, value: Any, answer: Answer, name: str) -> Answer | None:
        return Answer(status, [*answer.headers, ("Location", location)], b"") if actual == kind else None

    return apply


def _padded(authorization: Json, name: str) -> None:
    authorization["padding"] = "x" * 20_000_000


def _status(authorization: Json, name: str) -> None:
    authorization["status"] = ESCAPE + "pending"


def _challenge_url(url: str) -> Change:
    def change(authorization: Json, name: str) -> None:
        for challenge in authorization["challenges"]:
            challenge["url"] = url

    return _authorization(change)


NESTED = b"[" * DEPTH + b"]" * DEPTH
ANSWERS = (
    _identifier("shell text", 'victim.test; touch pwned "$(touch pwned)" ../../etc'),
    _identifier("a command in a name", "$(touch pwned).test"),
    _identifier("a command in backquotes", "`touch pwned`.test"),
    _identifier("an array index that bash evaluates", "x[$(touch pwned)].test"),
    _identifier("a program for awk", 'x" || system("touch pwned") || ".test'),
    _identifier("lines for nsupdate", "{name}\nupdate add bank.example 60 A 192.0.2.1"),
    _identifier("JSON syntax", '{name}", "ttl": "1'),
    _identifier("a printf format", "%s%n%s.test"),
    _identifier("an option", "-rf.test"),
    _identifier("a name that was not requested", "bank.example"),
    _identifier("a name below the requested one", "x.{name}"),
    _identifier("a name above the requested one", "test"),
    _identifier("a name that begins with the requested one", "{name}.bank.example"),
    _identifier("a path", "../../etc/pwned"),
    _identifier("an absolute path", "/etc/pwned"),
    _identifier("upper case", "{NAME}"),
    _identifier("a dot at the end", "{name}."),
    _identifier("a wildcard", "*.{name}"),
    _identifier("empty", ""),
    _identifier("only dots", "..."),
    _identifier("an empty label", "a..{name}"),
    _identifier("a label of 64 characters", "a" * 64 + ".test"),
    _identifier("huge", "a." * (LONG // 2) + "test"),
    _identifier("not ASCII", "bücher.test"),
    _identifier("a letter that looks like another", "{hom}"),
    _identifier("a character that looks like a dot", "{dot}"),
    _identifier("an invisible character", "{name}\u200b"),
    _identifier("written from right to left", "\u202e{name}"),
    _identifier("a NUL", "{name}\0.bank.example"),
    _identifier("terminal sequences", ESCAPE + "{name}"),
    _identifier("blanks around it", " {name} "),
    _identifier("a short form of an address", "127.1", "ip"),
    _identifier("an address in hexadecimal", "0x7f000001", "ip"),
    _identifier("an address embedded in another", "::ffff:192.0.2.1", "ip"),
    _identifier("an address that was not requested", "192.0.2.1", "ip"),
    _identifier("an address with a zone", "fe80::1%eth0", "ip"),
    _identifier("an address as a name", "192.0.2.1"),
    _identifier("a name as an address", "{name}", "ip"),
    _identifier("an unknown type", "{name}", "email"),
    _identifier_object("a number", {"type": "dns", "value": 5}),
    _identifier_object("without a value", {"type": "dns"}),
    _identifier_object("null", None),
    _identifier_object("a list", ["dns"]),
    _token("too short", "abc", "abc.", "http-01"),
    _token("empty", "", challenge="http-01"),
    _token("huge", "A" * LONG, "A" * 1000, "http-01"),
    _token("a path", "../../../../../../pwned_by_token__", "..", "http-01"),
    _token("blanks and shell text", "AAAAAAAAAAAAAAAAAAAAAA extra $(touch pwned) ; * ../x", "$(", "http-01"),
    _token("a newline", "AAAAAAAAAAAAAAAAAAAAAA\nBBBBBBBBBBBBBBBBBBBBBB", "A\nB", "http-01"),
    _token("a NUL and terminal sequences", "AAAAAAAAAAAAAAAAAAAAAA\0" + ESCAPE, ESCAPE),
    _token("not ASCII", "ü" * 30, "ü"),
    _token("field separators", "AAAAAAAAAAAAAAAAAAAAAA#key#uri#dns#/etc", "#"),
    _token("a number", 7),
    _token("null", None),
    _type("unknown", "dns-99"),
    _type("shell text", "dns-01; touch pwned"),
    _type("a path", "../pwned"),
    _type("null", None),
    Hostile("type: swapped", _authorization(_swapped)),
    Hostile("challenges: each twice", _authorization(_twice)),
    Hostile("challenges: a thousand times", _authorization(_thousand)),
    Hostile("challenges: further ones with another token", _authorization(_other_tokens)),
    Hostile("challenges: none", _authorization(_none)),
    Hostile("challenges: at another host's URL", _challenge_url("https://192.0.2.1/")),
    Hostile("challenges: at a file's URL", _challenge_url("file:///etc/passwd")),
    Hostile("authorizations: each twice", _urls(lambda urls: urls * 2)),
    Hostile("authorizations: each a hundred times", _urls(lambda urls: urls * 100)),
    Hostile("authorizations: none", _urls(lambda urls: [])),
    Hostile("authorizations: of another order", _urls(lambda urls: urls), ("other.{name}",), other_order=True),
    Hostile("authorization: terminal sequences as its status", _authorization(_status), (ESCAPE,)),
    Hostile("authorization: twenty megabytes", _authorization(_padded)),
    Hostile("authorization: nested very deeply", _bytes("authZ", NESTED)),
    Hostile("authorization: cut in half", _bytes("authZ", b'{"status": "pending", "identifier": {"type": "dn')),
    Hostile("authorization: a list", _bytes("authZ", b"[1, 2]")),
    Hostile("authorization: not UTF-8", _bytes("authZ", b'{"status": "\xff\xfe"}')),
    Hostile("order: nested very deeply", _bytes("order-plz", NESTED)),
    Hostile("problem: terminal sequences, for an order", _problem("order-plz", detail=ESCAPE + "no"), (ESCAPE,)),
    Hostile("problem: terminal sequences in its type", _problem("order-plz", type=ESCAPE), (ESCAPE,)),
    Hostile("problem: a megabyte", _problem("order-plz", detail="no " * LONG), ("no " * 5000,)),
    Hostile("problem: terminal sequences, of a challenge", _invalid(detail=ESCAPE + "no"), (ESCAPE,)),
    Hostile("problem: a megabyte, of a challenge", _invalid(detail="no " * LONG), ("no " * 5000,)),
    Hostile("problem: shell text, of a challenge", _invalid(detail="$(touch pwned); `touch pwned`\0\n\rx"), ("\0",)),
    Hostile("redirect: of an authorization to a file", _redirect("authZ", 302, "file:///etc/passwd")),
    Hostile("redirect: of an authorization to itself", _redirect("authZ", 302, "/dir")),
    Hostile("redirect: of an order, without end", _redirect("order-plz", 307, "/order-plz")),
    Hostile("redirect: of the directory to another host", _redirect("dir", 301, "https://192.0.2.1.invalid/dir")),
)
