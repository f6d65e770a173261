"""Reports the certificates of a run, and whether they were deployed, for its last lines."""

from __future__ import annotations

import contextlib
import datetime

from certbot_external_auth.lineages import certificate
from certbot_external_auth.lineages.handed_over import Attempts, HandedOver, has_changed, live_certificates
from certbot_external_auth.lineages.lineage import Lineage
from certbot_external_auth.protocol.stream import Lineages, Saved


def exit_report(config_dir: str, handed_over: HandedOver, attempts: Attempts) -> tuple[Saved, Lineages]:
    """Return what is true on disk now: the certificates that this process wrote, and the state of each lineage."""
    saved: Saved = []
    reported: Lineages = []
    known = handed_over.known()
    for name, sha256 in live_certificates(config_dir).items():
        changed = has_changed(attempts.before, name, sha256)
        pending = sha256 is not None and name in known and known[name] != sha256
        if changed:
            saved.append(_saved(Lineage(config_dir, name)))
        if changed or attempts.tried(name) or pending:
            reported.append(
                {
                    "name": name,
                    "changed": changed,
                    "deployed": sha256 is not None and known.get(name) == sha256,
                    "deploy_pending": pending,
                    "deploy_failed": name in attempts.failed,
                }
            )
    return saved, reported


def _saved(lineage: Lineage) -> tuple[str, str]:
    """Return the path of the full chain, and the day on which the certificate expires."""
    with contextlib.suppress(OSError, ValueError):
        end = certificate.read(lineage.cert_path).not_after
        return lineage.fullchain_path, end.astimezone(datetime.timezone.utc).date().isoformat()
    return lineage.fullchain_path, "an unknown day"
