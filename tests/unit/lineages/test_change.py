"""The command that changes a lineage's options, for each Certbot."""

from __future__ import annotations

import pytest

from certbot_external_auth.lineages import change

FLAGS = ("--external-auth-handler", "/h x")


@pytest.mark.parametrize("version", ["2.3.0", "2.11.1", "5.8.0", "5.9.0.dev0"])
def test_reconfigure_where_certbot_has_it(version: str) -> None:
    found = change.command("a.example", FLAGS, "external-auth", version)
    assert found == "certbot reconfigure --cert-name a.example --external-auth-handler '/h x'"


@pytest.mark.parametrize("version", ["2.1.0", "2.2.0"])
def test_an_older_certbot_issues_again_and_keeps_the_installer(version: str) -> None:
    """Lost: the deployment at every later renewal, since certonly saves the installer of its own command line."""
    again = "certbot certonly --force-renewal --cert-name a.example -a external-auth"
    tail = "--external-auth-handler '/h x'"
    assert change.command("a.example", FLAGS, None, version) == f"{again} {tail}"
    assert change.command("a.example", FLAGS, "nginx", version) == f"{again} -i nginx {tail}"
