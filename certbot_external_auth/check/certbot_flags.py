"""The flags of Certbot's own that `check` accepts, so that a real command line can be given to it as it is."""

from __future__ import annotations

import argparse

USED = (
    "--cert-name",
    "--key-type",
    "--elliptic-curve",
    "--preferred-challenges",
    "--server",
    "--account",
    "--config-dir",
)
"""Flags whose values a handler is told, or that choose the challenge type, the CA or the account."""
SERVER = "https://acme-v02.api.letsencrypt.org/directory"
"""Certbot's default of ``--server``."""
UNUSED = """
    -c/--config -m/--email -a/--authenticator -i/--installer --configurator --logs-dir
    --max-log-backups --verbose-level --eab-kid --eab-hmac-key --eab-hmac-alg --http-01-address --rsa-key-size
    --required-profile --preferred-profile --preferred-chain --issuance-timeout --pre-hook --post-hook --deploy-hook
    --renew-hook --user-agent --user-agent-comment --csr --reason --checkpoints --cert-path --key-path --fullchain-path
    --chain-path
"""
"""Flags with a value that changes nothing here; names of the same flag have a slash between them."""
SWITCHES = """
    -n/--non-interactive/--noninteractive -v/--verbose -q/--quiet -t/--text --force-interactive --dry-run --agree-tos
    --register-unsafely-without-email --eff-email --no-eff-email --run-deploy-hooks --expand --duplicate
    --keep-until-expiring/--keep/--reinstall --force-renewal/--renew-by-default --renew-with-new-domains --reuse-key
    --no-reuse-key --new-key --allow-subset-of-names --debug --debug-challenges --no-verify-ssl
    --break-my-certs --must-staple --redirect --no-redirect --hsts --no-hsts --uir --no-uir --staple-ocsp
    --no-staple-ocsp --auto-hsts --strict-permissions --no-random-sleep-on-renew --disable-hook-validation
    --no-directory-hooks --disable-renew-updates --no-autorenew --preconfigured-renewal --os-packages-only
    --no-self-upgrade --no-bootstrap --no-permissions-check --delete-after-revoke --no-delete-after-revoke --init
    --prepare --authenticators --installers
"""
"""The same for flags without a value."""
TYPES = {"dns": "dns-01", "http": "http-01"}
"""Short names of challenge types in ``--preferred-challenges``."""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the flags to a parser, without their help."""
    for flag in USED:
        parser.add_argument(flag, help=argparse.SUPPRESS)
    parser.add_argument("--test-cert", "--staging", dest="staging", action="store_true", help=argparse.SUPPRESS)
    for flags in UNUSED.split():
        parser.add_argument(*flags.split("/"), dest="_", help=argparse.SUPPRESS)
    for flags in SWITCHES.split():
        parser.add_argument(*flags.split("/"), dest="_", action="store_true", help=argparse.SUPPRESS)


def preferred(value: str | None) -> tuple[str, ...]:
    """Return the challenge types that ``--preferred-challenges`` names, in order."""
    names = [name.strip() for name in (value or "").split(",")]
    return tuple(TYPES.get(name, name) for name in names if name)


def server(named: str | None, staging: bool) -> str:
    """Return the URL of the CA's directory; empty for one of trials, whose account is another one."""
    return named or ("" if staging else SERVER)
