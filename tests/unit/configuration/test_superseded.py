"""What the command line takes the place of in a renewal file."""

from __future__ import annotations

import pytest

from certbot_external_auth.configuration import superseded

HANDLER = ("handler", "dialect", "env-file")


@pytest.mark.parametrize(
    ("raw", "typed", "gone"),
    [
        ({"dialect": "lego", "cleanup-handler": "x", "handler": "h"}, ["dialect"], ("cleanup-handler",)),
        ({"dialect": "certbot", "cleanup-handler": "x", "hook-chain": "yes"}, ["dialect"], ("hook-chain",)),
        ({"dialect": "native", "dehydrated-config": "c"}, ["dialect"], ("dehydrated-config",)),
        ({"dialect": "native", "dehydrated-config": "c"}, ["dialect", "dehydrated-config"], ()),
        ({"dialect": "dehydrated", "dehydrated-config": "c", "hook-chain": "yes"}, ["dialect"], ()),
        ({"dehydrated-config": "c", "handler": "h", "dialect": "lego"}, ["dehydrated-config"], ("handler", "dialect")),
        ({"dehydrated-config": "c", "handler": "h"}, ["dehydrated-config", "handler"], ()),
        ({"mode": "json", "handler": "h", "verify": "off", "timeout": "5"}, ["mode"], ()),
        # A publisher takes the place of the one before.
        ({"handler": "h", "dialect": "lego", "env-file": "e", "jobs": "4", "routes": "r"}, ["routes"], HANDLER),
        ({"mode": "json", "routes": "r"}, ["routes"], ("mode",)),
        ({"provider": "httpreq:", "env-file": "e", "routes": "r"}, ["routes"], ("provider", "env-file")),
        ({"handler": "h", "env-file": "e", "routes": "r"}, ["handler", "env-file"], ("routes",)),
        ({"provider": "httpreq:", "routes": "r"}, ["provider"], ("routes",)),
        ({"dehydrated-config": "c", "routes": "r"}, ["dehydrated-config"], ("routes",)),
        ({"provider": "httpreq", "handler": "h", "timeout": "5"}, ["handler"], ("provider",)),
        ({"provider": "httpreq", "dehydrated-config": "c"}, ["dehydrated-config"], ("provider",)),
        ({"provider": "httpreq", "dialect": "lego"}, ["dialect"], ()),
        (
            {"provider": "httpreq", "handler": "h", "dialect": "certbot", "cleanup-handler": "x", "env-file": "e"},
            ["provider"],
            ("handler", "dialect", "cleanup-handler"),
        ),
        (
            {"provider": "httpreq", "dehydrated-config": "c", "wellknown": "/w"},
            ["provider"],
            ("dehydrated-config", "wellknown"),
        ),
    ],
)
def test_what_a_renewal_file_has_no_place_for_any_more(
    raw: dict[str, str], typed: list[str], gone: tuple[str, ...]
) -> None:
    assert superseded.superseded(raw, typed) == gone
