"""The probes of a batch: what one of them raises, and which of them is loaded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest
from certbot import errors

from certbot_external_auth.visibility import Expectation, Observation, Outcome, watch
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
