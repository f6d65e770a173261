"""Everything that mode manual says to a person: what to publish, what to remove, how to renew. Pure functions."""

from __future__ import annotations

import enum
import shlex
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from certbot_external_auth import persistent_records
from certbot_external_auth.backends.manual.renewal_reminder import Reminder
from certbot_external_auth.challenges import TXT_TYPES, Challenge, Served, http01

MIN_WIDTH_COLUMNS, MAX_WIDTH_COLUMNS = 30, 100
SCRIPT = "--external-auth-mode handler --external-auth-handler PATH"
PROGRAM = "--external-auth-mode json"
DELEGATION = "one CNAME that makes _acme-challenge.NAME an alias of a name in a zone that a script can write to"
WATCHING = (
    "Certbot continues when everything is visible.",
    "Press Enter to continue at once, Ctrl-C to give up.",
)
CONFIRM_SECONDS = 60.0
"""How long the plugin waits for that answer."""
CONFIRM = "Press Enter when everything is visible from outside, Ctrl-C to give up."
ALL_VISIBLE = "Everything is visible."
EARLY = "Not everything is visible from here. If the CA does not see it either, the validation will fail:"
CONFIRM_EARLY = (
    f"Type y and Enter to continue all the same. With Enter alone, or after {CONFIRM_SECONDS:.0f} seconds, the plugin "
    "goes on checking."
)


class NoPerson(enum.Enum):
    """Why there is no person to ask."""

    NOT_INTERACTIVE = "not_interactive"
    NO_TERMINAL = "no_terminal"


def wrapped(sentence: str, width: int) -> str:
    """Wrap a sentence into lines for a window, without breaking words.

    :param width: columns of the window.
    """
    columns = max(MIN_WIDTH_COLUMNS, min(width, MAX_WIDTH_COLUMNS))
    return textwrap.fill(sentence, columns, break_long_words=False, break_on_hyphens=False)


def paragraph(sentences: Iterable[str], width: int) -> str:
    """Wrap sentences, each from the beginning of a line."""
    return "\n".join(wrapped(sentence, width) for sentence in sentences)


def item(text: str, width: int) -> str:
    """Wrap an item of a list."""
    first, *more = wrapped(text, width - 4).splitlines()
    return "\n".join([f"  {first}", *(f"    {line}" for line in more)])


# --- what to publish ---


def instructions(
    challenges: Sequence[Challenge], width: int, port_in_use: bool = False, zones: Mapping[str, str] | None = None
) -> str:
    """Say how to publish a whole batch.

    Values, records and commands stand on lines of their own and are never broken, so that they can be pasted. Only
    sentences are wrapped.

    :param width: columns of the window.
    :param port_in_use: a program on this machine listens already where TLS challenges must be answered.
    :param zones: by name of a record, the zone that it lies in, if it is known.
    """
    records = [challenge for challenge in challenges if challenge.type in TXT_TYPES]
    lasting = [challenge for challenge in challenges if challenge.persists]
    files = [challenge for challenge in challenges if challenge.type == http01.TYPE]
    certificates = [(challenge, challenge.served) for challenge in challenges if challenge.served is not None]
    parts = []
    if records:
        parts.append(_records(records, width, zones or {}))
    if lasting:
        parts.append(_records(lasting, width, zones or {}))
    if files:
        parts.append(_files(files, width))
    if certificates:
        parts.append(_certificates(certificates, width, port_in_use))
    return "\n\n".join(parts)


def values(challenges: Sequence[Challenge], zones: Mapping[str, str]) -> dict[str, list[str]]:
    """Return, by place, the lines that say what to publish there."""
    found: dict[str, list[str]] = {}
    for challenge in challenges:
        if challenge.txt_domain is not None:
            name = challenge.record_name
            found.setdefault(challenge.place, _record(name, zones.get(name, ""))).append(f"  {challenge.validation}")
        elif challenge.served is not None:
            files = f"  certificate {challenge.served.cert_path}", f"  key {challenge.served.key_path}"
            found[challenge.place] = [f"{challenge.identifier} ({challenge.type})", *files]
        else:
            found[challenge.place] = [challenge.place, f"  {challenge.key_authorization}"]
    return found


def _record(name: str, zone: str) -> list[str]:
    """Return the lines above the values of a record. Many web panels ask for the zone, and for the name in it."""
    if name == zone:
        return [name, f"  in the zone {zone}, at its top (@):"]
    inside = name.removesuffix(f".{zone}") if zone else name
    return [name] if inside == name else [name, f"  in the zone {zone}, with the name {inside}:"]


def _records(challenges: Sequence[Challenge], width: int, zones: Mapping[str, str]) -> str:
    names: dict[str, list[str]] = {}
    for challenge in challenges:
        names.setdefault(challenge.record_name, []).append(challenge.validation)
    count = len(challenges)
    out = [wrapped("Create this TXT record:" if count == 1 else f"Create these {count} TXT records:", width), ""]
    for name, there in names.items():
        out += [*_record(name, zones.get(name, "")), *(f"  {value}" for value in there)]
    for sentence in _about(challenges, shared=len(names) < count):
        out += ["", wrapped(sentence, width)]
    lines = [f"{name}. 60 IN TXT {_quoted(value)}" for name, there in names.items() for value in there]
    out += ["", "As lines of a zone file:", "", *lines]
    out += ["", "Or with nsupdate:", "", "nsupdate <<'END'", *(f"update add {line}" for line in lines), "send", "END"]
    return "\n".join(out)


def _quoted(value: str) -> str:
    """Write a value as the strings of a TXT record. It has neither quotation marks nor backslashes."""
    return " ".join(f'"{part}"' for part in persistent_records.strings(value))


def _about(challenges: Sequence[Challenge], shared: bool) -> Iterator[str]:
    """Yield sentences about names that are aliases, and about names with several values."""
    for one in challenges:
        if one.need is not None:
            yield (
                f"The record of {one.identifier} stays: do not remove it. It lets "
                f"{' or '.join(one.need.terms.issuers)} issue for the account {one.need.account.uri}, now and later."
            )
    for place, target in dict.fromkeys((one.place, one.txt_target) for one in challenges):
        if target is not None:
            yield f"{place} is an alias (CNAME) of {target}. The CA follows it, so the record belongs there."
    if shared:
        yield "A name can have several values: add each of them, and replace none."


def _files(challenges: Iterable[Challenge], width: int) -> str:
    out = [wrapped("Make the web server of each name return exactly this content:", width)]
    for challenge in challenges:
        out += [
            "",
            challenge.place,
            f"  {challenge.key_authorization}",
            "",
            http01.command(challenge.token, challenge.key_authorization),
        ]
    return "\n".join(out)


def _certificates(certificates: Sequence[tuple[Challenge, Served]], width: int, port_in_use: bool) -> str:
    out = [
        wrapped(
            "Make the TLS server of each name present exactly this certificate to a client that sends this server name "
            "(SNI) and offers only this protocol (ALPN). The server must select that protocol:",
            width,
        )
    ]
    for challenge, served in certificates:
        out += [
            "",
            challenge.identifier,
            f"  type         {challenge.type}",
            f"  server name  {challenge.place}",
            f"  ALPN         {challenge.alpn or '(none)'}",
            f"  port         {served.port}",
            f"  certificate  {served.cert_path}",
            f"  key          {served.key_path}",
            "",
            wrapped("If that machine has no TLS server, and for one name only, run in another terminal:", width),
            "",
            s_server(challenge, served),
        ]
    if port_in_use:
        _, served = certificates[0]
        sentence = (
            f"Port {served.port} of this machine is in use. Stop the program that listens there before you start "
            "openssl, or make that program present the certificate."
        )
        out += ["", wrapped(sentence, width)]
    if len(certificates) > 1:
        sentence = (
            "openssl presents one certificate only. For several names on one machine, use a TLS server that selects "
            "the certificate by the server name."
        )
        out += ["", wrapped(sentence, width)]
    return "\n".join(out)


def s_server(challenge: Challenge, served: Served) -> str:
    """Return a command that answers the challenge until Ctrl-C; with ``-www`` openssl does not read the terminal."""
    words = ["openssl", "s_server", "-quiet", "-www", "-accept", str(served.port)]
    words += ["-cert", served.cert_path, "-key", served.key_path]
    words += ["-alpn", challenge.alpn] if challenge.alpn else []
    return shlex.join(words)


# --- what to do afterwards ---


def removals(challenges: Iterable[Challenge]) -> str:
    """Say what the person can remove now."""
    return "\n".join(["You can now remove:", *(f"  {_published(challenge)}" for challenge in challenges)])


def _published(challenge: Challenge) -> str:
    if challenge.txt_domain is not None:
        return f'{challenge.record_name}. TXT "{challenge.validation}"'
    if challenge.served is not None:
        return f"{challenge.description}, port {challenge.served.port}"
    return challenge.place


def renewal_notice(reminder: Reminder, width: int) -> str:
    """Say until when and how to renew a certificate just issued; the command stands on a line of its own."""
    begin = (
        f"The certificate {reminder.lineage} expires on {reminder.last_day}. 'certbot renew' cannot renew it, since a "
        "person published its challenges. Renew it before that day with this command:"
    )
    end = f"To automate this, use a script ({SCRIPT}). If no script can write to your zone, use {DELEGATION}."
    return "\n\n".join([wrapped(begin, width), reminder.command, wrapped(end, width)])


# --- why mode manual refuses ---


def not_renewable(reminder: Reminder) -> str:
    """Say in one line why 'certbot renew' fails, and what to do; cron mails it."""
    expires = f" and expires on {reminder.last_day}" if reminder.last_day is not None else ""
    return (
        f"The certificate {reminder.lineage} was issued by hand (mode manual){expires}. 'certbot renew' cannot renew "
        f"it. Renew it with {reminder.command} ; or automate it with a script ({SCRIPT}), with {DELEGATION}, or with a "
        f"program ({PROGRAM})."
    )


def refusal(reason: NoPerson) -> str:
    """Say why mode manual cannot publish here, and which modes can."""
    happened = {
        NoPerson.NOT_INTERACTIVE: "Mode manual needs a person, but Certbot must not ask one (-n).",
        NoPerson.NO_TERMINAL: "Mode manual needs a terminal, but stdin is not one.",
    }[reason]
    return f"{happened} Use a script with {SCRIPT}, or let a program drive Certbot with {PROGRAM}."
