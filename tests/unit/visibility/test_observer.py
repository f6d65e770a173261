"""The probes of a batch: what one of them raises, and which of them is loaded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest
from certbot import errors

from certbot_external_auth.visibility import Clue, Expectation, Found, Observation, Outcome, watch
from certbot_external_auth.visibility.observer import Observer
from certbot_external_auth.visibility.probe import Surroundings
from certbot_external_auth.visibility.verdict import Decision

A, B = (Expectation("dns-01", name, f"_acme-challenge.{name}", (name,), (name,)) for name in ("a.test", "b.test"))
WEB = Expectation("http-01", "a.test", "http://a.test/x", ("a",))


class Broken:
    """A probe with a fault."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def look(self, expectations: Sequence[Expectation], until: float) -> list[Observation]:
        raise self._error


def test_a_fault_of_a_probe_does_not_end_the_batch() -> None:
    """Guards against removing what was published, since a check failed."""
    observer = Observer(Surroundings())
    observer.dns = Broken(ValueError("read length\x1b[2J"))  # type: ignore[assignment]
    end = watch.watch(observer.look, [A, B], watch.Policy(timeout=1000), pause=lambda seconds: False)
    assert [one.outcome for one in end.observations] == [Outcome.FAULT, Outcome.FAULT]
    assert [one.detail for one in end.observations] == ["ValueError: read length"] * 2
    assert end.decision("auto") is Decision.WARN


@pytest.mark.parametrize("signal", [errors.SignalExit("SIGTERM"), KeyboardInterrupt()])
@pytest.mark.parametrize("kinds", [1, 2])
def test_a_signal_within_a_probe_is_no_fault(signal: BaseException, kinds: int) -> None:
    """Guards against losing Ctrl-C, also while the threads of several probes are waited for."""
    observer = Observer(Surroundings())
    observer.dns = Broken(signal)  # type: ignore[assignment]
    observer.http = Broken(signal)  # type: ignore[assignment]
    with pytest.raises(type(signal)):
        observer.look([A, WEB][:kinds], 0.0)


def test_only_name_servers_have_clues() -> None:
    observer = Observer(Surroundings())
    seen = Observation(WEB.place, "a.test", "192.0.2.1:80", Outcome.WRONG_CONTENT)
    assert observer.explain([WEB], [seen], 0.0) == []
    assert "dns" not in vars(observer)


LOADED = """
import sys
from certbot_external_auth.visibility.observer import Observer
from certbot_external_auth.visibility.probe import Surroundings
observer = Observer(Surroundings())
print([name for name in sys.modules if name.startswith(("dns.", "certbot_external_auth.visibility.dns.",
                                                        "certbot_external_auth.visibility.web."))])
observer.dns, observer.http, observer.tls
print([name for name in sys.modules if name.startswith("dns.")])
"""


def test_a_probe_is_loaded_when_it_is_first_needed_and_the_dns_library_later_still() -> None:
    """Guards against a run that pays for libraries it does not use."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n[]\n"


RUN = """
import sys
import certbot_external_auth.run.host, certbot_external_auth.run.run
likely = ("likely", "reasons", "record_reasons", "record_sentences", "web.reasons", "web.wording")
print([one for one in likely if f"certbot_external_auth.visibility.{one}" in sys.modules])
"""


def test_a_run_loads_no_likely_reason_before_something_is_not_visible() -> None:
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


class Noting:
    """A probe that sees all it is asked about, and notes that."""

    def __init__(self) -> None:
        self.looked: list[Expectation] = []
        self.explained: list[Expectation] = []
        self.explained_rows: list[Observation] = []

    def look(self, expectations: Sequence[Expectation], until: float) -> list[Observation]:
        self.looked += expectations
        return [Observation(one.place, "s", "192.0.2.1:1", Outcome.MATCH) for one in expectations]

    def explain(
        self, expectations: Sequence[Expectation], observations: Sequence[Observation], until: float
    ) -> list[Clue]:
        self.explained += expectations
        self.explained_rows += observations
        return [Clue(one.place, Found.SERIAL, "7") for one in expectations]


def test_each_kind_has_its_probe_and_only_records_have_clues() -> None:
    """Guards against: an http-01 file that is looked for by a handshake."""
    tls = Expectation("tls-alpn-01", "a.test", "a.test", ("d",))
    observer = Observer(Surroundings())
    probes = {kind: Noting() for kind in ("dns", "http", "tls")}
    vars(observer).update(probes)
    seen = observer.look([A, WEB, B, tls], 0.0)
    assert sorted(one.place for one in seen) == sorted(one.place for one in (A, WEB, B, tls))
    assert {kind: probe.looked for kind, probe in probes.items()} == {"dns": [A, B], "http": [WEB], "tls": [tls]}
    assert [clue.place for clue in observer.explain([A, WEB, tls], seen, 0.0)] == [A.place]
    assert probes["dns"].explained == [A]
    assert [row.place for row in probes["dns"].explained_rows] == [A.place]
