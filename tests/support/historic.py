"""The conversations that the README of 2016 shows, with their values left out."""

from __future__ import annotations

import re

_STRING = re.compile(r'("(?:[^"\\]|\\.)*")(:?)')
_SAID = {"perform_challenge", "cleanup", "deploy_cert", "save", "restart", "report", "dns-01", "http-01", "tls-sni-01"}

_PERFORM = '{{"cmd": "perform_challenge", "type": "{}", "domain": "…", "token": "…", '
PERFORM_DNS = _PERFORM.format("dns-01") + '"validation": "…", "txt_domain": "…", "key_auth": "…"}'
PERFORM_HTTP = _PERFORM.format("http-01") + '"validation": "…", "uri": "…", "command": "…", "key_auth": "…"}'
PERFORM_TLS_SNI = (
    _PERFORM.format("tls-sni-01") + '"z_domain": "…", "validation": "…", "cert_path": "…", "key_path": "…", '
    '"port": "…", "key_auth": "…", "cert_pem": "…"}'
)
_CLEANUP = (
    '{{"cmd": "cleanup", "type": "{}", "status": "…", "domain": "…", "token": "…", "validation": "…", '
    '"key_auth": "…", "validated": null, "error": null}}'
)
DEPLOY = (
    '{"cmd": "deploy_cert", "domain": "…", "cert_path": "…", "key_path": "…", "chain_path": "…", '
    '"fullchain_path": "…", "timestamp": 0, "cert_timestamp": 0.0}'
)
SAVE = '{"cmd": "save", "title": null, "temporary": false}'
LAST_SAVE = '{"cmd": "save", "title": "…", "temporary": false}'
RESTART = '{"cmd": "restart"}'
REPORT = '{"cmd": "report", "messages": [{"priority": 0, "on_crash": true, "lines": ["…"]}]}'

DNS = [PERFORM_DNS, PERFORM_DNS, _CLEANUP.format("dns-01"), _CLEANUP.format("dns-01")]
HTTP = [PERFORM_HTTP, PERFORM_HTTP, _CLEANUP.format("http-01"), _CLEANUP.format("http-01")]
RUN = [*DNS, DEPLOY, SAVE, DEPLOY, SAVE, LAST_SAVE, RESTART, REPORT]


def without_values(text: str) -> list[str]:
    """Lines as they are, byte by byte, but for texts and numbers that differ from run to run."""
    text = _STRING.sub(lambda found: found[0] if found[2] or found[1][1:-1] in _SAID else '"…"', text)
    text = re.sub(r"(?<=: )\d+\.\d+", "0.0", text)
    return re.sub(r"(?<=: )\d+(?![\d.])", "0", text).splitlines()
