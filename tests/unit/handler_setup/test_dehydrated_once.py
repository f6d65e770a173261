"""A configuration that many lineages share is read by bash once, and again when it has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from certbot_external_auth.handler_setup import dehydrated_once


def test_it_is_read_again_only_when_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost: ten milliseconds and more for each lineage of a renewal at which nothing is due."""
    (tmp_path / "conf.d").mkdir()
    for name in ("config", "conf.d/a.sh", "env"):
        (tmp_path / name).touch(0o600)

    def configure(hook: str) -> None:
        text = f"echo x >>{tmp_path}/times\nCONFIG_D={tmp_path}/conf.d\nHOOK=/bin/{hook}\n"
        (tmp_path / "config").write_text(text)

    def read() -> tuple[str | None, int]:
        found = dehydrated_once.read(str(tmp_path / "config"), str(tmp_path / "env"))
        return found.hook, len((tmp_path / "times").read_text().split())

    configure("true")
    first = read()
    assert read() == first
    configure("false")
    second = read()
    assert (second[0], second[1] > first[1], read()) == ("/bin/false", True, second)
    (tmp_path / "conf.d" / "b.sh").write_text("HOOK=/bin/sh\n")
    third = read()
    assert third[0] == "/bin/sh"
    monkeypatch.setenv("SOMETHING", "else")
    fourth = read()
    assert fourth[1] > third[1]
    (tmp_path / "env").write_text("MORE=secret\n")
    assert read()[1] > fourth[1]
