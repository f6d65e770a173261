"""The name of the lineage that a run of Certbot is about."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from certbot_external_auth.configuration import renewal_file
from certbot_external_auth.lineages import handed_over
from certbot_external_auth.lineages.expected_name import expected_name


def known(config: Any, names: Sequence[str], told: str | None) -> str | None:
    """Return the name of the lineage; None if it is not known, as before Certbot makes one.

    :param config: Certbot's configuration.
    :param names: what the certificate was asked for.
    :param told: the name, if Certbot has told the plugin.
    """
    name = config.certname or told
    if not name and config.verb == "renew":
        logged = renewal_file.lineage(config.config_dir)
        return handed_over.lineage_with({each.lower() for each in names}, config.config_dir, logged)
    return str(name) if name else None


def expected(config: Any, names: Sequence[str], told: str | None) -> str:
    """Return the name that the lineage has or will have, for a handler; empty if no name of it is known.

    The certificate for a request of the user's own (``--csr``) belongs to no lineage. It has its first name.
    """
    name = known(config, names, told)
    if name is None and config.verb in ("certonly", "run") and not config.csr:
        name = expected_name(os.path.abspath(config.config_dir), names, bool(config.duplicate))
    return name or (names[0].removeprefix("*.") if names else "")
