"""Lines for web servers that answer every token of http-01 from a thumbprint. Pure functions.

The answer is the key authorization of RFC 8555 section 8.1: token, full stop, thumbprint. A token consists of the
characters of base64url (section 8.3), so the servers answer to nothing else, and send back no other characters.
"""

from __future__ import annotations

from collections.abc import Callable

from certbot_external_auth.challenges import http01

_PATH = rf"^/{http01.ROOT}/".replace(".", r"\.", 1)
_CHARACTERS = "[-_A-Za-z0-9]+"


def _nginx(thumbprint: str) -> str:
    return f"""\
# nginx: into each server block that listens on port 80
location ~ "{_PATH}({_CHARACTERS})$" {{
    default_type text/plain;
    return 200 "$1.{thumbprint}";
}}"""


def _apache(thumbprint: str) -> str:
    return f"""\
# Apache 2.4 with mod_alias: into each virtual host of port 80
<LocationMatch "{_PATH}(?<TOKEN>{_CHARACTERS})$">
    RedirectMatch 200 "{_PATH}"
    ErrorDocument 200 "%{{env:MATCH_TOKEN}}.{thumbprint}"
</LocationMatch>"""


def _haproxy(thumbprint: str) -> str:
    return f"""\
# HAProxy 2.2 or newer: into each frontend of port 80, before its other http-request rules
http-request return status 200 content-type text/plain lf-string "%[path,field(-1,/)].{thumbprint}" \
if {{ path_reg {_PATH}{_CHARACTERS}$ }}"""


def _caddy(thumbprint: str) -> str:
    return f"""\
# Caddy 2: into each site block whose address begins with http://
@acme path_regexp acme {_PATH}({_CHARACTERS})$
respond @acme "{{re.acme.1}}.{thumbprint}" 200"""


FORMATS: dict[str, Callable[[str], str]] = {
    "nginx": _nginx,
    "apache": _apache,
    "haproxy": _haproxy,
    "caddy": _caddy,
}
"""By the name of a web server, the function that writes its lines."""
