"""What to do after the CA has refused challenges, by the types of its problem documents (RFC 8555 section 6.7). Pure
functions."""

from __future__ import annotations

from collections.abc import Collection

_CAA, _FOUND_WRONG = "caa", ("unauthorized", "incorrectResponse")
"""Types of problem documents: CAA records forbid the CA to issue; it looked, and did not see the right value."""
_OF_DNS = (_CAA, "dns", "connection")
"""Types behind which may be CAA records, or signatures of DNSSEC that are not right."""
_STATELESS = (
    "Every address of these names must answer from the thumbprint that certbot-external-auth thumbprint prints, and "
    "also to requests from outside."
)


def of_dns(problem_type: str) -> bool:
    """Tell whether a problem may come from CAA records or signatures."""
    return _last(problem_type) in _OF_DNS


def hints(types: Collection[str], mode: str) -> list[str]:
    """Say what to do. :param types: of all problem documents."""
    kinds = {_last(each) for each in types}
    caa = "A CAA record does not let this CA issue: change the record, or use another CA. Publishing is not at fault."
    found = [caa] if _CAA in kinds else []
    if kinds == {_CAA}:
        return found
    seen = "did not find it" if kinds <= {_CAA, *_FOUND_WRONG} else "did not find it or could not look"
    handler = "The log has each call of the handler and what it printed. The handler must not exit before"
    others = "Do not confirm a challenge before"
    shown = (
        f"{handler if mode == 'handler' else others} every name server, or every address of the web server, shows it."
    )
    return [
        *found,
        f"The CA checked what was published and {seen}, as it says above.",
        _STATELESS if mode == "stateless" else shown,
    ]


def _last(kind: str) -> str:
    return kind.rpartition(":")[2]
