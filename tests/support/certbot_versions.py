"""The verbs and flags of Certbot that the documents name, with the version that brought them.

From Certbot's certbot/CHANGELOG.md. `OLDEST` is the oldest Certbot that the plugin supports.
"""

from __future__ import annotations

OLDEST = (2, 1)
NEWER: dict[str, tuple[int, int]] = {
    "reconfigure": (2, 3),
    "--preferred-profile": (4, 0),
    "--required-profile": (4, 0),
    "--eab-hmac-alg": (4, 2),
    "--ip-address": (5, 3),
}
VERBS = frozenset("certonly run renew install plugins register certificates delete revoke unregister".split())  # noqa: SIM905
"""Those that the oldest one has."""
FLAGS = frozenset(
    """
    --agree-tos --allow-subset-of-names --authenticator --cert-name --config --config-dir --configurator --csr
    --deploy-hook --dry-run --eab-hmac-key --eab-kid --elliptic-curve --email --expand --force-renewal --help
    --http-01-port --https-port --installer --issuance-timeout --key-type --logs-dir --manual --manual-auth-hook
    --manual-cleanup-hook --must-staple --new-key --no-random-sleep-on-renew --non-interactive --preferred-chain
    --preferred-challenges --quiet --reuse-key --rsa-key-size --server --version --work-dir
    """.split()  # noqa: SIM905 - a list of literals would be 40 lines
)
"""The same of flags."""
