"""Why a challenge is left, with the facts: who still shows it, and what the handler said before."""

from __future__ import annotations

from certbot_external_auth.recovery.batch import judged
from certbot_external_auth.recovery.reasons import Kind, Reason
from certbot_external_auth.visibility.gone import Sight

FAILED = Reason(Kind.CALL_FAILED, {"operation": "cleanup", "text": "exit code 6"})


def test_a_reason_has_its_facts_and_its_cause() -> None:
    still = Reason(Kind.STILL_VISIBLE, {"at": "192.0.2.1"}, FAILED)
    assert judged(Sight(at="192.0.2.1"), FAILED, ripe=True) == (still, None)
    unclear = Reason(Kind.NOT_VERIFIED, {"text": "no answer"})
    assert judged(Sight(unclear="no answer"), None, ripe=True) == (unclear, None)
    assert judged(Sight(unclear="no answer"), None, ripe=True, looked_for=False) == (None, unclear)
    assert judged(Sight(gone=True), FAILED, ripe=True) == (None, Reason(Kind.NO_LONGER_VISIBLE, {}, FAILED))
    assert judged(Sight(gone=True), FAILED, ripe=False) == (FAILED, None)
