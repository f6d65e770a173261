"""Which calls may run beside each other."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from certbot_external_auth.backends.handler.schedule import Schedule, places
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.dialects import Call


def call(*names: str, side_by_side: bool = True) -> Call:
    challenges = tuple(Challenge(name, "dns-01", name, "dns", "t" * 22, "t" * 22 + ".k") for name in names)
    return Call("perform", challenges=challenges, side_by_side=side_by_side)


def writes(challenge: Challenge) -> Call:
    return Call("perform", challenges=(challenge,), side_by_side=True)


def alone(*names: str) -> Call:
    return call(*names, side_by_side=False)


def taken(schedule: Schedule) -> list[int]:
    numbers = []
    while (number := schedule.take()) is not None:
        numbers.append(number)
    return numbers


def test_calls_of_one_name_follow_each_other_and_others_overtake_them() -> None:
    schedule = Schedule([call("a"), call("a"), call("b"), call("a")], 8)
    assert taken(schedule) == [0, 2]
    schedule.ended(2)
    assert taken(schedule) == []
    schedule.ended(0)
    assert taken(schedule) == [1]
    schedule.ended(1)
    assert taken(schedule) == [3]


def test_a_frame_waits_for_all_before_it_and_all_after_it_wait() -> None:
    schedule = Schedule([alone(), call("a"), call("b"), alone(), call("c"), alone()], 8)
    assert taken(schedule) == [0]
    schedule.ended(0)
    assert taken(schedule) == [1, 2]
    schedule.ended(2)
    assert taken(schedule) == []
    schedule.ended(1)
    assert taken(schedule) == [3]
    schedule.ended(3)
    assert taken(schedule) == [4]
    schedule.ended(4)
    assert taken(schedule) == [5]
    schedule.ended(5)
    assert taken(schedule) == []


def test_what_a_call_touches() -> None:
    http = Challenge("1", "http-01", "a.example", "dns", "t" * 22, "t" * 22 + ".k")
    tls = Challenge("2", "tls-alpn-01", "192.0.2.1", "ip", "t" * 22, "t" * 22 + ".k")
    assert places(call("A.example", "b.example", "a.example")) == [
        "_acme-challenge.a.example",
        "_acme-challenge.b.example",
    ]
    assert places(Call("x", challenges=(http, tls))) == [str(http.uri).lower(), "1.2.0.192.in-addr.arpa"]
    assert places(alone()) == []
    alias = Challenge("3", "dns-01", "c.example", "dns", "t" * 22, "t" * 22 + ".k", txt_target="X.acme.example")
    assert places(Call("x", challenges=(alias,))) == ["_acme-challenge.c.example", "x.acme.example"]


def test_aliases_of_one_name_are_one_place() -> None:
    """Guards against: the loss of one of two values that are written at one name at once."""
    ends = {"a": "x.acme.example", "b": "X.acme.example", "c": "y.acme.example"}
    calls = [writes(replace(call(name).challenges[0], txt_target=end)) for name, end in ends.items()]
    schedule = Schedule([*calls, call("d")], 8)
    assert taken(schedule) == [0, 2, 3]
    schedule.ended(0)
    assert taken(schedule) == [1]
    # What an alias leads to may itself be a name that is asked for.
    direct = replace(call("b").challenges[0], txt_target="_acme-challenge.a")
    schedule = Schedule([call("a"), writes(direct)], 8)
    assert taken(schedule) == [0]


CALLS = st.lists(
    st.builds(
        lambda names, beside: call(*names, side_by_side=beside),
        st.lists(st.sampled_from("abc"), max_size=2, unique=True),
        st.integers(0, 4).map(bool),
    ),
    max_size=12,
)


@given(calls=CALLS, jobs=st.integers(1, 4), data=st.data())
def test_every_call_runs_once_and_never_beside_one_it_must_not_meet(
    calls: list[Call], jobs: int, data: st.DataObject
) -> None:
    schedule = Schedule(calls, jobs)
    running: list[int] = []
    order: list[int] = []
    while True:
        running += taken(schedule)
        order += [number for number in running if number not in order]
        if not running:
            break
        assert len(running) <= jobs
        touched = [place for number in running for place in places(calls[number])]
        assert len(touched) == len(set(touched))
        assert len(running) == 1 or all(calls[number].side_by_side for number in running)
        ended = data.draw(st.sampled_from(running))
        running.remove(ended)
        schedule.ended(ended)
    assert sorted(order) == list(range(len(calls)))
    if jobs == 1:
        assert order == sorted(order)
    for number, one in enumerate(calls):
        if not one.side_by_side:
            assert set(order[:number]) == set(range(number))
