"""Find what keeps a CA from issuing, with the CA's names and the account wherever these matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from certbot_external_auth.permission import applying, wording
from certbot_external_auth.permission.finding import Applicant, Finding
from certbot_external_auth.permission.look import Servers, Sight, guarded, look


@dataclass(frozen=True)
class Request:
    """What a certificate is asked for with.

    :ivar server: the URL of the CA's directory.
    :ivar account: the id of the account in Certbot's files; empty for the only one.
    :ivar types: the challenge types that can be used.
    """

    server: str
    config_dir: str
    account: str = ""
    types: tuple[str, ...] = ()


@dataclass(frozen=True)
class Examined:
    """What was found. Each finding is a reason for a CA to refuse; none is certain to be."""

    findings: tuple[Finding, ...]
    applicant: Applicant
    sight: Sight

    @property
    def seen(self) -> tuple[str, ...]:
        """What keeps the CA from issuing, and what is not known. Empty if nothing was found."""
        found = [wording.what(finding, self.applicant) for finding in self.findings]
        return (*found, *self._unsaid) if found else ()

    @property
    def fixes(self) -> tuple[str, ...]:
        """What to do, once for all names that it helps."""
        return tuple(dict.fromkeys(map(wording.fix, self.findings)))

    @property
    def sentences(self) -> tuple[str, ...]:
        """The same in lines, each with what to do."""
        found = [wording.sentence(finding, self.applicant) for finding in self.findings]
        return (*found, *self._unsaid) if found else ()

    @property
    def _unsaid(self) -> tuple[str, ...]:
        return tuple(wording.unsaid(self.sight.unsaid, self.sight.checked))


def examine(names: Sequence[str], servers: Servers, request: Request) -> Examined:
    """Ask name servers and resolvers about names; the CA is asked for its names only if a CAA record counts."""
    sight = look(names, servers)
    applicant = Applicant(types=request.types)
    if sight.restricted:
        asking = (request.server, request.config_dir, request.account, request.types)
        applicant = guarded(lambda: applying.applicant(*asking), applicant)
    return Examined(tuple(sight.findings(applicant)), applicant, sight)
