"""http-01 as the CA looks (RFC 8555 section 8.3): the URL at every address of its name, and where it is redirected.

No proxy, cookie, password file or cache of this machine has a part in it: the CA knows none of them.
"""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from certbot_external_auth import __version__
from certbot_external_auth.endpoint import Endpoint, is_address
from certbot_external_auth.text import one_line
from certbot_external_auth.visibility import Expectation, Observation, Outcome, redirects
from certbot_external_auth.visibility.addresses import resolve
from certbot_external_auth.visibility.connection import (
    PATIENCE,
    BoundedReader,
    ConnectionFailedError,
    connect,
    handshake,
)
from certbot_external_auth.visibility.parallel import each
from certbot_external_auth.visibility.probe import Surroundings
from certbot_external_auth.visibility.redirects import Target
from certbot_external_auth.visibility.system import Addresses

BUDGET = 65536
"""Bytes of an answer that are read at most, headers and all."""
BODY = 1024
"""Bytes of a body that can be right; a key authorization has 87, or some more with a CA's long token, then blanks."""
WIDTH = 64
"""Requests for one expectation that go on side by side; servers that redirect each to another place make it grow."""


@dataclass(frozen=True)
class _Errand:
    """One request: an expectation, what to ask for it now, and at which address (None: not looked up yet)."""

    expectation: Expectation
    target: Target
    address: str | None = None

    def observed(self, outcome: Outcome, seen: str = "", detail: str = "", begun: float | None = None) -> Observation:
        where = "" if self.address is None else str(Endpoint(self.address, self.target.port))
        redirected = self.target.url != self.expectation.place
        notes = [f"redirected to {one_line(self.target.url, 200)}"] if redirected else []
        return Observation(
            place=self.expectation.place,
            server=self.target.host,
            address=where,
            outcome=outcome,
            seen=(seen,) if seen else (),
            seconds=0.0 if begun is None else time.monotonic() - begun,
            detail="; ".join(filter(None, [detail, *notes])),
        )


class Probe:
    """See `probe.Probe`."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings

    def look(self, expectations: Sequence[Expectation], until: float) -> list[Observation]:
        """See `probe.Probe`. One redirect after the other is followed for all at a time."""
        found: list[Observation] = []
        errands = [_Errand(one, self._target(one.place)) for one in expectations]
        known: dict[str, Addresses] = {}
        for left in reversed(range(redirects.MOST + 1)):
            self._look_up(errands, known, until)
            # Where several addresses redirect to one place, that place is asked once.
            asked, outcomes = self._spread(dict.fromkeys(errands), known)
            answers = each(lambda errand: self._fetch(errand, until), asked)
            errands = [answer for answer in answers if isinstance(answer, _Errand)]
            found += outcomes + [answer for answer in answers if isinstance(answer, Observation)]
            if not left:
                detail = f"redirected more than {redirects.MOST} times"
                found += [one.observed(Outcome.WRONG_CONTENT, detail=detail) for one in dict.fromkeys(errands)]
            if not errands:
                break
        return found

    def _target(self, url: str) -> Target:
        return redirects.target(url, self._surroundings.http_port, self._surroundings.https_port)

    def _look_up(self, errands: Iterable[_Errand], known: dict[str, Addresses], until: float) -> None:
        """Learn the addresses of hosts that are not known yet."""
        hosts = [one.target.host for one in errands if one.target.host not in known]
        known.update(resolve(hosts, until, self._surroundings.nameservers))

    @staticmethod
    def _spread(errands: Iterable[_Errand], known: dict[str, Addresses]) -> tuple[list[_Errand], list[Observation]]:
        """Each errand at every address, and observations about what has none."""
        asked: list[_Errand] = []
        outcomes: list[Observation] = []
        counts: dict[str, int] = {}
        for one in errands:
            place = one.expectation.place
            addresses = known[one.target.host]
            if addresses.outcome is not None:
                outcomes.append(one.observed(addresses.outcome, detail=addresses.detail))
                continue
            counts[place] = counts.get(place, 0) + len(addresses.found)
            if counts[place] > WIDTH:
                outcomes.append(one.observed(Outcome.TIMEOUT, detail=f"left out: more than {WIDTH} places to ask"))
                continue
            asked += [_Errand(one.expectation, one.target, address) for address in addresses.found]
        return asked, outcomes

    def _fetch(self, errand: _Errand, until: float) -> Observation | _Errand:
        """One request; the result is what was seen, or where it leads."""
        begun = time.monotonic()
        until = min(until, begun + PATIENCE)
        try:
            status, reason, location, body = _get(errand.target, errand.address or "", until)
            surroundings = self._surroundings
            following = redirects.next_target(
                errand.target, status, location, surroundings.http_port, surroundings.https_port
            )
        except ConnectionFailedError as error:
            return errand.observed(error.outcome, detail=error.detail, begun=begun)
        except TimeoutError:
            return errand.observed(Outcome.TIMEOUT, detail="connected, but the answer did not come", begun=begun)
        except (OSError, http.client.HTTPException, ValueError) as error:
            # ValueError: a RedirectError, or what http.client cannot read, such as a chunk of negative size.
            detail = one_line(str(error) or type(error).__name__, 200)
            return errand.observed(Outcome.WRONG_CONTENT, detail=detail, begun=begun)
        if following is not None:
            return _Errand(errand.expectation, following)
        if status != http.HTTPStatus.OK:
            return errand.observed(Outcome.WRONG_CONTENT, one_line(f"{status} {reason}", 100), begun=begun)
        if len(body) <= BODY and redirects.matches(body, errand.expectation.values[0]):
            return errand.observed(Outcome.MATCH, begun=begun)
        shown = one_line(body.decode("utf-8", "replace"), 100)
        detail = f"more than {BODY} bytes" if len(body) > BODY else ""
        return errand.observed(Outcome.WRONG_CONTENT, shown or "nothing", detail, begun)


def _get(target: Target, address: str, until: float) -> tuple[int, str, str | None, bytes]:
    """Status, its text, the Location header and the begin of the body.

    :raises ConnectionFailedError: if nobody was reached.
    :raises OSError: if the connection or the handshake ended.
    :raises http.client.HTTPException: for what is no HTTP; :raises ValueError: where http.client does not see that.
    """
    link = connect(Endpoint(address, target.port), until)
    try:
        if target.scheme == "https":
            link = handshake(link, None if is_address(target.host) else target.host, (), until)
        link.sendall(_request(target))
        reader = BoundedReader(link, until, BUDGET)
        answer = http.client.HTTPResponse(cast(socket.socket, reader), method="GET")
        answer.begin()
        # One more than can be right, so that nothing behind it is overlooked.
        body = answer.read(BODY + 1)
        if len(body) <= BODY and answer.length:
            raise http.client.IncompleteRead(body, answer.length)
        return answer.status, answer.reason, answer.getheader("Location"), body
    finally:
        link.close()


def _request(target: Target) -> bytes:
    lines = (
        f"GET {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        f"User-Agent: certbot-external-auth/{__version__}",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
    )
    return "\r\n".join([*lines, "", ""]).encode("ascii")
