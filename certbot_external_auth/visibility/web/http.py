"""Check http-01 as the CA does (RFC 8555 section 8.3): get the URL at every address of its name, and follow redirects.

It uses no proxy, cookie, password file or cache of this machine, since the CA has none of them.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.text import one_line
from certbot_external_auth.visibility import Expectation, Observation, Outcome, Page, reach
from certbot_external_auth.visibility.near_miss import near_miss
from certbot_external_auth.visibility.probe import Surroundings
from certbot_external_auth.visibility.web import answer, fair_queue, redirects
from certbot_external_auth.visibility.web.address_cache import AddressCache
from certbot_external_auth.visibility.web.answer import MAX_BODY_BYTES, Answer
from certbot_external_auth.visibility.web.connection import MAX_CONNECTION_SECONDS, ConnectionFailedError
from certbot_external_auth.visibility.web.fair_queue import Memory, Step
from certbot_external_auth.visibility.web.redirects import RedirectError, Target

PACKED = "sent in gzip, which was not asked for"
NOT_SHOWN = "what another host says is not shown"
MAX_REQUESTS = 64
"""For one expectation after the same number of redirects. It bounds servers that each redirect to another place."""


@dataclass(frozen=True)
class _Errand:
    """One request for an expectation.

    :ivar target: what to ask for.
    :ivar home: the host of the first request.
    :ivar address: the address to ask; None if the addresses of the host are to be looked up first.
    :ivar redirects: the number of redirects that led here.
    :ivar outside: a server that is not certainly inside this machine's network led here, or is asked here.
    """

    expectation: Expectation
    target: Target
    home: str
    address: str | None = None
    redirects: int = 0
    outside: bool = False

    @property
    def away(self) -> bool:
        """Whether a redirect led to another host, of which only the status is shown.

        After a redirect from http to https of the same host the answer is shown: `outside` already keeps such a request
        away from private addresses.
        """
        return self.target.host != self.home

    @property
    def where(self) -> Hashable:
        """The place for `fair_queue`: an address, or a host whose addresses are to be looked up."""
        return self.target.host if self.address is None else Endpoint(self.address, self.target.port)

    @property
    def rank(self) -> tuple[int, str, bool, str]:
        """The sort key for a table, so that rows keep their order from look to look."""
        address = self.address or ""
        return self.redirects, self.target.url, ":" in address, address

    @property
    def redirected(self) -> str:
        """The URL to which redirects led; empty if there was none."""
        return "" if self.target.url == self.expectation.place else one_line(self.target.url, 200)

    def observed(self, outcome: Outcome, detail: str = "", seen: str = "", begun: float | None = None) -> Observation:
        """Return the observation about this request.

        :param begun: when it was sent, by the monotonic clock; None if it was not.
        """
        where = "" if self.address is None else str(Endpoint(self.address, self.target.port))
        notes = [f"redirected to {self.redirected}"] if self.redirected else []
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
    """See `visibility.probe.Probe`."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._memory: Memory[_Errand] = Memory()

    def look(self, expectations: Sequence[Expectation], until: float) -> list[Observation]:
        """See `visibility.probe.Probe`. The target of a redirect is asked as soon as it is known."""
        surroundings = self._surroundings
        errands = [_first(one, surroundings) for one in expectations]
        cache = AddressCache(surroundings.nameservers, until)
        cache.learn([one.target.host for one in errands])
        paths = _Paths(cache, surroundings, until)
        look: fair_queue.Look[_Errand, Observation] = fair_queue.Look(
            lambda errand: errand.where, paths.step, _Errand.observed, until, self._memory
        )
        order = {one.place: index for index, one in enumerate(expectations)}
        found = look.run(errands)
        return [one for _, one in sorted(found, key=lambda pair: (order[pair[1].place], *pair[0].rank))]


def _first(expectation: Expectation, surroundings: Surroundings) -> _Errand:
    target = redirects.target(expectation.place, surroundings.http_port, surroundings.https_port)
    return _Errand(expectation, target, target.host)


class _Paths:
    """The ways of the requests of one look; used by many threads."""

    def __init__(self, cache: AddressCache, surroundings: Surroundings, until: float) -> None:
        self._cache = cache
        self._surroundings = surroundings
        self._until = until
        self._lock = threading.Lock()
        self._known: set[_Errand] = set()
        self._counts: Counter[tuple[str, int]] = Counter()

    def step(self, errand: _Errand) -> Step[_Errand, Observation]:
        """Send one request, or look up its addresses; see `fair_queue.Look`."""
        if errand.address is None:
            return self._spread(errand)
        found = self._fetch(errand, Endpoint(errand.address, errand.target.port), self._until)
        if isinstance(found, Observation):
            return Step((found,), silent=found.outcome is Outcome.TIMEOUT)
        # If several addresses redirect to the same place, it is asked once.
        if not self._new(found):
            return Step()
        if found.redirects > redirects.MAX_REDIRECTS:
            detail = f"redirected more than {redirects.MAX_REDIRECTS} times"
            return Step((found.observed(Outcome.WRONG_CONTENT, detail),))
        return Step(further=(found,))

    def _new(self, errand: _Errand) -> bool:
        with self._lock:
            known = errand in self._known
            self._known.add(errand)
            return not known

    def _spread(self, errand: _Errand) -> Step[_Errand, Observation]:
        """Return the request at every address, or an observation if the host has no address."""
        addresses = self._cache.of(errand.target.host)
        if addresses.outcome is not None:
            silent = addresses.outcome is Outcome.TIMEOUT
            return Step((errand.observed(addresses.outcome, addresses.detail),), silent=silent)
        asked: list[_Errand] = []
        inside: list[_Errand] = []
        for address in addresses.found:
            request = replace(errand, address=address, outside=errand.outside or not reach.is_inside(address))
            kept_back = errand.outside and not reach.is_public(address)
            (inside if kept_back else asked).append(request)
        step = self._bounded(errand, asked)
        return replace(step, found=(*step.found, *_kept_back(errand, inside, len(addresses.found))))

    def _bounded(self, errand: _Errand, further: Sequence[_Errand]) -> Step[_Errand, Observation]:
        # Two ways may lead to the same address, which is asked once.
        further = [one for one in further if self._new(one)]
        key = errand.expectation.place, errand.redirects
        with self._lock:
            self._counts[key] += len(further)
            left_out = self._counts[key] > MAX_REQUESTS
        if left_out:
            return Step((errand.observed(Outcome.NOT_ASKED, f"there are more than {MAX_REQUESTS} places to ask"),))
        return Step(further=tuple(further))

    def _fetch(self, errand: _Errand, endpoint: Endpoint, until: float) -> Observation | _Errand:
        """Send one request; return what was seen, or the next request if it was redirected."""
        begun = time.monotonic()
        until = min(until, begun + MAX_CONNECTION_SECONDS)
        try:
            told = answer.get(errand.target, endpoint, until)
            surroundings = self._surroundings
            following = redirects.next_target(
                errand.target, told.status, told.location, surroundings.http_port, surroundings.https_port
            )
        except ConnectionFailedError as error:
            return errand.observed(error.outcome, error.detail, begun=begun)
        except TimeoutError:
            return errand.observed(Outcome.TIMEOUT, "connected, but the answer did not come", begun=begun)
        except (http.client.HTTPException, OSError, ValueError) as error:
            return errand.observed(Outcome.WRONG_CONTENT, _failed(errand, error), begun=begun)
        if following is not None:
            return replace(errand, target=following, address=None, redirects=errand.redirects + 1)
        return _judged(errand, told, begun)


def _judged(errand: _Errand, told: Answer, begun: float) -> Observation:
    """Return the observation about an answer that is not a redirect."""
    status = told.status
    if status == http.HTTPStatus.OK and _is_right(errand, told.body):
        return errand.observed(Outcome.MATCH, PACKED if told.packed else "", begun=begun)
    if errand.away:
        found = errand.observed(Outcome.WRONG_CONTENT, NOT_SHOWN, _status(status), begun)
        return replace(found, fact=Page(status, url=errand.redirected))
    if status != http.HTTPStatus.OK:
        found = errand.observed(Outcome.WRONG_CONTENT, seen=one_line(f"{status} {told.phrase}", 100), begun=begun)
    else:
        shown = one_line(told.body.decode("utf-8", "replace"), 100)
        detail = f"more than {MAX_BODY_BYTES} bytes" if len(told.body) > MAX_BODY_BYTES else ""
        found = errand.observed(Outcome.WRONG_CONTENT, detail, shown or "nothing", begun)
    return replace(found, fact=_page(errand, told))


def _page(errand: _Errand, told: Answer) -> Page:
    wanted = errand.expectation.values[0]
    body = told.body.decode("utf-8", "replace")
    return Page(
        told.status,
        one_line(told.software, 40),
        answer.words(told.body),
        login=answer.asks_for_password(told.status, told.body),
        token=body.lstrip().startswith(wanted.partition(".")[0] + "."),
        near=near_miss(wanted, body) if len(told.body) <= MAX_BODY_BYTES else None,
        url=errand.redirected,
    )


def _kept_back(errand: _Errand, inside: Sequence[_Errand], count: int) -> list[Observation]:
    """Return the observations about addresses that are not public, to which a server outside redirected.

    They are not asked: a server outside of this machine's network must not decide which requests are sent inside of it.
    The first requests to the name's own addresses are sent all the same.

    :param inside: the requests that are not sent.
    :param count: the number of all addresses of the host. If some are public, a CA asks those.
    """
    if len(inside) < count:
        return [] if errand.target.host == errand.home else [_inside(one, Outcome.UNREACHABLE) for one in inside]
    return [_inside(one, Outcome.NOT_ASKED) for one in inside]


def _inside(errand: _Errand, outcome: Outcome) -> Observation:
    return errand.observed(outcome, "not asked: this address is not public, but a server that may be public led to it")


def _failed(errand: _Errand, error: Exception) -> str:
    """Return why there is no answer. What `http.client` quotes of another host is not shown."""
    if errand.away and not isinstance(error, (OSError, RedirectError)):
        return "the answer is not HTTP"
    return one_line(str(error) or type(error).__name__, 200)


def _is_right(errand: _Errand, body: bytes) -> bool:
    return len(body) <= MAX_BODY_BYTES and redirects.matches(body, errand.expectation.values[0])


def _status(status: int) -> str:
    """Return a status in the words of the standard, not in those of the server."""
    known = status in http.HTTPStatus.__members__.values()
    return f"{status} {http.HTTPStatus(status).phrase}" if known else str(status)
