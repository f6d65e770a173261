"""DNS by TCP, with servers that close early, change the order, answer anything, or drip."""

from __future__ import annotations

import socket
import struct
import threading
import time

import dns.flags
import dns.message
import dns.rcode
import pytest

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility import Outcome
from certbot_external_auth.visibility.dns import pending, tcp
from certbot_external_auth.visibility.dns.pending import Pending
from certbot_external_auth.visibility.dns.reply import Question
from tests.support import web

ADDRESS = "127.0.0.41"
SECONDS = 30.0


@pytest.fixture
def port() -> int:
    return web.free_port(ADDRESS)


def asked(port: int) -> list[Pending]:
    """Ask for some names, as if UDP had brought nothing."""
    questions = [pending.made(Question(f"n{number}.test", "TXT")) for number in range(3)]
    for question in questions:
        question.fail(Outcome.TIMEOUT)
    tcp.ask(Endpoint(ADDRESS, port), questions, time.monotonic() + SECONDS)
    return questions


def received(link: socket.socket) -> bytes:
    """Return one query; empty at the end of the connection."""
    with link.makefile("rb", buffering=0) as stream:
        length = stream.read(2)
        return stream.read(struct.unpack("!H", length)[0]) or b"" if length else b""


def answer_to(data: bytes) -> bytes:
    wire = dns.message.make_response(dns.message.from_wire(data)).to_wire()
    return struct.pack("!H", len(wire)) + wire


def outcomes(questions: list[Pending]) -> set[Outcome | None]:
    return {question.reply.failed for question in questions}


def test_a_server_that_closes_after_each_answer_is_connected_to_again(port: int) -> None:
    connections: list[None] = []

    def answer(link: socket.socket, stop: threading.Event) -> None:
        # All are read: a connection that is closed with something unread is reset, and may take the answer with it.
        first, *_ = [received(link) for _ in range(3 - len(connections))]
        connections.append(None)
        link.sendall(answer_to(first))

    with web.answering(ADDRESS, port, answer):
        questions = asked(port)
    assert all(question.reply.message is not None for question in questions)
    assert len(connections) == len(questions)


def test_answers_may_come_in_another_order(port: int) -> None:
    def answer(link: socket.socket, stop: threading.Event) -> None:
        link.sendall(b"".join(reversed([answer_to(received(link)) for _ in range(3)])))

    with web.answering(ADDRESS, port, answer):
        questions = asked(port)
    for question in questions:
        assert question.reply.message is not None
        assert question.reply.message.question == question.query.question


def test_a_server_that_does_not_know_edns_is_asked_without(port: int) -> None:
    versions: list[int] = []

    def answer(link: socket.socket, stop: threading.Event) -> None:
        query = received(link)
        versions.append(dns.message.from_wire(query).edns)
        link.sendall(answer_to(query))

    question = pending.made(Question("a.test", "TXT"))
    refusal = dns.message.make_response(question.query)
    refusal.set_rcode(dns.rcode.FORMERR)
    question.settle(refusal)
    assert question.needs_tcp
    with web.answering(ADDRESS, port, answer):
        tcp.ask(Endpoint(ADDRESS, port), [question], time.monotonic() + SECONDS)
    assert versions == [-1]
    assert not question.needs_tcp


def test_garbage_fails_the_question_with_its_id_alone(port: int) -> None:
    def answer(link: socket.socket, stop: threading.Event) -> None:
        garbage, *others = [received(link) for _ in range(3)]
        link.sendall(struct.pack("!H", 4) + garbage[:2] + b"\x00\x00")
        link.sendall(b"".join(map(answer_to, others)))

    with web.answering(ADDRESS, port, answer):
        questions = asked(port)
    assert sorted(question.reply.failed is Outcome.SERVFAIL for question in questions) == [False, False, True]
    assert sum(question.reply.message is not None for question in questions) == 2


def another_id(link: socket.socket, stop: threading.Event) -> None:
    query = received(link)
    link.sendall(struct.pack("!H", 12) + bytes([query[0] ^ 255, query[1]]) + bytes(10))


def close(link: socket.socket, stop: threading.Event) -> None:
    """Close at once."""


def half_an_answer(link: socket.socket, stop: threading.Event) -> None:
    link.sendall(answer_to(received(link))[:9])


def drip(link: socket.socket, stop: threading.Event) -> None:
    """Promise the longest message there is, and send it byte by byte."""
    link.sendall(b"\xff\xff")
    while not stop.wait(0.02):
        link.sendall(b"x")


def hang(link: socket.socket, stop: threading.Event) -> None:
    stop.wait(SECONDS)


@pytest.mark.parametrize("answer", [another_id, close, half_an_answer, drip, hang])
def test_a_server_that_never_answers_is_given_up_after_two_connections(
    answer: web.Answer, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards against a server that holds a thread, or fills the memory, for as long as it likes."""
    monkeypatch.setattr(tcp, "TCP_SECONDS", 0.2)
    connections: list[None] = []

    def counted(link: socket.socket, stop: threading.Event) -> None:
        connections.append(None)
        answer(link, stop)

    with web.answering(ADDRESS, port, counted):
        questions = asked(port)
    assert outcomes(questions) == {Outcome.TIMEOUT}
    assert all(question.reply.detail.startswith("TCP: ") for question in questions)
    assert len(connections) == 2


def test_nothing_listens(port: int) -> None:
    questions = asked(port)
    assert [question.reply.detail for question in questions] == ["TCP: connection refused"] * 3


def test_a_truncated_answer_is_not_used_if_tcp_fails(port: int) -> None:
    question = pending.made(Question("a.test", "TXT"))
    cut = dns.message.make_response(question.query)
    cut.flags |= dns.flags.TC
    question.settle(cut)
    assert question.needs_tcp
    tcp.ask(Endpoint(ADDRESS, port), [question], time.monotonic() + SECONDS)
    assert (question.reply.message, question.reply.failed) == (None, Outcome.TIMEOUT)
    assert question.reply.detail == "the answer does not fit into UDP, and TCP failed: connection refused"
