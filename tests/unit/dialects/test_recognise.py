"""For which dialect a hook was written, from its answers and its text."""

from __future__ import annotations

import pytest

from certbot_external_auth.dialects.recognise import likely, only_at_perform
from certbot_external_auth.processes.program import Ended

CASES = [
    (
        "native",
        Ended(code=1, tail=("no perform, but deploy_challenge",)),
        "",
        "dehydrated",
    ),
    ("dehydrated", Ended(code=1, stdout="NotImplemented\n", tail=("NotImplemented",)), "", "native"),
    ("native", Ended(code=85, tail=("Usage: hook (begin | done | failed) type ident",)), "", "uacme"),
    ("native", Ended(code=1, tail=("usage: hook present|cleanup FQDN VALUE",)), "", "lego"),
    ("native", Ended(code=42), "", "acmetool"),
    ("native", Ended(code=1, tail=("CERTBOT_DOMAIN: unbound variable",)), "", "certbot"),
    ("native", Ended(code=1), '#!/bin/sh\ncase "$1" in\n  "begin")\n', "uacme"),
    ("native", Ended(code=1), "#!/bin/sh\ncase $1 in\n  present) x ;;\n", "lego"),
    ("lego", Ended(code=1), "#!/bin/sh\ndeploy_challenge() { :; }\n", "dehydrated"),
    ("lego-raw", Ended(code=1), "#!/bin/sh\ncase $1 in\n  present) x ;;\n", None),
    ("dehydrated", Ended(code=1, tail=("quota exceeded",)), "#!/bin/sh\ndeploy_challenge() { :; }\n", None),
    ("native", Ended(code=1, tail=("no route to host",)), "#!/bin/sh\nexit 1\n", None),
    ("native", Ended(code=1), "#!/bin/sh\ncase $1 in\n  present|cleanup) x ;;\n", "lego"),
    ("native", Ended(code=1), "#!/bin/sh\ncase $1 in\n  cleanup | present ) x ;;\n", "lego"),
    ("native", Ended(code=1), "#!/bin/sh\ncase $1 in\n  begin|done|failed) x ;;\n", "uacme"),
    ("native", Ended(code=1), '#!/bin/sh\ncase $1 in\n  ("done" | "begin") x ;;\n', "uacme"),
    ("native", Ended(code=1), "#!/bin/sh\ncase $1 in\n  beginning|represent) x ;;\n", None),
    # It speaks several; then the failure is another one.
    ("native", Ended(code=1), "#!/bin/sh\n$CERTBOT_DOMAIN $cbot_domain\n", None),
]


@pytest.mark.parametrize(("dialect", "ended", "script", "found"), CASES)
def test_likely(dialect: str, ended: Ended, script: str, found: str | None) -> None:
    assert likely(dialect, ended, script) == found


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("curl -d $txt_domain -d ${txt_domain:-}", ("txt_domain",)),
        ("os.environ[\"z_domain\"], os.environ.get('uri')", ("z_domain", "uri")),
        ("getenv('uri'), $ENV{txt_domain}, ENV['z_domain']", ("uri", "txt_domain", "z_domain")),
        ("curl -d '{\"uri\": 1}' \"uri=1\"; line['uri']", ()),
        ("$cbot_txt_domain ${cbot_uri} my_txt_domain the uri", ()),
    ],
)
def test_variables_that_are_not_set_at_cleanup(script: str, found: tuple[str, ...]) -> None:
    """Lost: the reason why a handler that publishes cannot remove."""
    assert only_at_perform(script) == found
