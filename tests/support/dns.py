"""Just enough DNS to ask one server for TXT records (RFC 1035 section 4)."""

from __future__ import annotations

import os
import socket
import struct

TXT = 16
IN = 1
RECURSION_DESIRED = 0x0100
TRUNCATED = 0x0200
AUTHORITATIVE = 0x0400
RESPONSE_CODE = 0x000F
# One datagram may be lost, also on the loopback under load.
TRIES = 3


def txt(name: str, host: str, port: int, timeout: float = 2.0) -> list[str]:
    """The TXT values at a name, in the order the server gives.

    :raises OSError: if nobody answers, or the answer does not fit into a datagram.
    """
    return _values(_asked(name, host, port, timeout))


def _asked(name: str, host: str, port: int, timeout: float) -> bytes:
    number = os.urandom(2)
    question = number + struct.pack("!5H", RECURSION_DESIRED, 1, 0, 0, 0) + _encoded(name) + struct.pack("!2H", TXT, IN)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(timeout)
        link.connect((host, port))
        for left in reversed(range(TRIES)):
            link.send(question)
            try:
                answer = link.recv(65535)
            except TimeoutError:
                if not left:
                    raise
                continue
            if answer[:2] == number:
                return answer
    raise OSError(f"no answer about {name} from {host}:{port}")


def answers(name: str, host: str, port: int) -> bool:
    """Whether a server answers about a name with authority and without an error.

    :raises OSError: if nobody answers.
    """
    reply = _asked(name, host, port, 2.0)
    flags = int.from_bytes(reply[2:4], "big")
    return bool(flags & AUTHORITATIVE) and not flags & RESPONSE_CODE


def _encoded(name: str) -> bytes:
    labels = [label.encode("ascii") for label in name.strip(".").split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _values(answer: bytes) -> list[str]:
    flags, questions, answers = struct.unpack("!3H", answer[2:8])
    if flags & TRUNCATED:
        raise OSError("the answer does not fit into a datagram")
    position = 12
    for _ in range(questions):
        position = _after_name(answer, position) + 4
    values = []
    for _ in range(answers):
        position = _after_name(answer, position)
        kind, _, _, length = struct.unpack("!2HIH", answer[position : position + 10])
        data = answer[position + 10 : position + 10 + length]
        position += 10 + length
        if kind == TXT:
            values.append(_text(data))
    return values


def _after_name(answer: bytes, position: int) -> int:
    while answer[position]:
        if answer[position] >= 0xC0:
            # A pointer to an earlier name (section 4.1.4) ends this one.
            return position + 2
        position += 1 + answer[position]
    return position + 1


def _text(data: bytes) -> str:
    parts = []
    while data:
        parts.append(data[1 : 1 + data[0]])
        data = data[1 + data[0] :]
    return b"".join(parts).decode("ascii")
