"""What the package says of engines that are not installed is what these engines list."""

from __future__ import annotations

import pytest

from certbot_external_auth.providers import elsewhere, listing
from tests.support import acme_sh, engines, known_providers


def test_the_page_has_what_the_package_knows() -> None:
    text = known_providers.PAGE.read_text()
    assert "\n".join(known_providers.table(elsewhere.known())) in text
    for name, about in elsewhere.known().items():
        assert f"| `{name}` | {about['version']} |" in text
    # A row has one provider.
    assert listing.key("dns-x") == listing.key("X")


@pytest.mark.long
@acme_sh.needed
def test_the_engines_list_what_the_package_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: advice to install an engine that does not have the provider."""
    engines.needed("lego", "lexicon")
    monkeypatch.syspath_prepend(str(known_providers.LIBRARIES))
    swept = {name: known_providers.sweep(name) for name in known_providers.ENGINES}
    known = {name: about["names"] for name, about in elsewhere.known().items()}
    assert {name: known_providers.usable(found) for name, found in swept.items()} == known
