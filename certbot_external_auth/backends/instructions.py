"""What a person is told to do, and what may go again: pure text."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Sequence

from certbot_external_auth.challenges import Challenge, Served, dns01, http01


def instructions(challenges: Sequence[Challenge], width: int, port_in_use: bool = False) -> str:
    """The whole batch on one screen.

    Values, records and commands stand on lines of their own and are never broken, so they can be pasted; only
    sentences are wrapped.

    :param width: columns of the terminal.
    :param port_in_use: somebody listens here already where TLS challenges must be answered.
    """
    parts = []
    txt: dict[str, list[str]] = {}
    for challenge in challenges:
        if challenge.type == dns01.TYPE:
            txt.setdefault(record_name(challenge), []).append(challenge.validation)
    if txt:
        parts.append(_records(txt, width))
    files = [challenge for challenge in challenges if challenge.type == http01.TYPE]
    if files:
        parts.append(_files(files, width))
    certificates = [challenge for challenge in challenges if challenge.served is not None]
    if certificates:
        parts.append(_certificates(certificates, width, port_in_use))
    return "\n\n".join(parts)


def record_name(challenge: Challenge) -> str:
    """Where a TXT record is created: beside an alias (CNAME) there may be no other record, so at its target."""
    return challenge.txt_target or challenge.txt_domain or ""


def wrapped(sentence: str, width: int) -> str:
    """A sentence in lines that fit into a window; what has no blank in it is never broken."""
    return textwrap.fill(sentence, max(30, min(width, 100)), break_long_words=False, break_on_hyphens=False)


def _records(txt: dict[str, list[str]], width: int) -> str:
    count = sum(map(len, txt.values()))
    out = [wrapped(f"Create {'this TXT record' if count == 1 else f'these {count} TXT records'}:", width), ""]
    for name, values in txt.items():
        out += [name, *(f"  {value}" for value in values)]
    if any(len(values) > 1 for values in txt.values()):
        out += ["", wrapped("Values below the same name stand side by side: add each, replace none.", width)]
    out += ["", "As lines of a zone file:", ""]
    out += [f'{name}. 60 IN TXT "{value}"' for name, values in txt.items() for value in values]
    out += ["", "Or with nsupdate:", "", "nsupdate <<'END'"]
    out += [f'update add {name}. 60 IN TXT "{value}"' for name, values in txt.items() for value in values]
    return "\n".join([*out, "send", "END"])


def _files(challenges: Iterable[Challenge], width: int) -> str:
    out = [wrapped("Let the web server of each name answer with exactly this content:", width)]
    for challenge in challenges:
        out += [
            "",
            f"{challenge.uri}",
            f"  {challenge.key_authorization}",
            "",
            http01.command(challenge.token, challenge.key_authorization),
        ]
    return "\n".join(out)


def _certificates(challenges: Sequence[Challenge], width: int, port_in_use: bool) -> str:
    out = [
        wrapped(
            "Let the TLS server of each name present exactly this certificate to a client that sends this server name "
            "(SNI) and offers only this protocol (ALPN), and choose that protocol:",
            width,
        )
    ]
    for challenge in challenges:
        served = challenge.served
        assert served is not None
        out += [
            "",
            challenge.identifier,
            f"  type         {challenge.type}",
            f"  server name  {challenge.server_name}",
            f"  ALPN         {challenge.alpn or '(none)'}",
            f"  port         {served.port}",
            f"  certificate  {served.cert_path}",
            f"  key          {served.key_path}",
            "",
            wrapped("For one name on a machine without a TLS server, in another terminal:", width),
            "",
            s_server(challenge, served),
        ]
    if port_in_use:
        port = challenges[0].served.port if challenges[0].served else 443
        sentence = (
            f"Port {port} of this machine is in use: stop what listens there before you start openssl, or let that "
            "server present the certificate."
        )
        out += ["", wrapped(sentence, width)]
    if len(challenges) > 1:
        out += ["", wrapped("For several names on one machine use the server of examples/standalone-tls.", width)]
    return "\n".join(out)


def s_server(challenge: Challenge, served: Served) -> str:
    """A command that answers the challenge, ended by Ctrl-C; ``-www`` keeps openssl from reading the terminal."""
    words = ["openssl", "s_server", "-quiet", "-www", "-accept", str(served.port)]
    words += ["-cert", served.cert_path, "-key", served.key_path]
    words += ["-alpn", challenge.alpn] if challenge.alpn else []
    return shlex.join(words)


def removals(challenges: Sequence[Challenge]) -> str:
    """What may go again."""
    return "\n".join(
        f'  {record_name(one)}. TXT "{one.validation}"'
        if one.type == dns01.TYPE
        else f"  the certificate for {one.server_name}, port {one.served.port}"
        if one.served is not None
        else f"  {one.uri}"
        for one in challenges
    )
