"""BIND as the tests use it."""

from __future__ import annotations

import contextlib
import subprocess

import pytest

from tests.support import ports
from tests.support.bind import Bind

NAME = "_acme-challenge.example.test"


def test_values_are_added_and_removed_one_by_one_and_only_with_the_key() -> None:
    with Bind("example.test", "other.test") as dns:
        dns.change(f"add {NAME} 60 TXT first", f"add {NAME} 60 TXT -second")
        assert dns.txt(NAME) == ["-second", "first"]
        dns.change(f'del {NAME} TXT "first"')
        assert dns.txt(NAME) == ["-second"]
        dns.change("add x.other.test 60 TXT other")
        assert dns.txt("x.other.test") == ["other"]
        unsigned = subprocess.run(
            ["nsupdate"], input=dns.update(f"del {NAME} TXT"), text=True, timeout=30, capture_output=True, check=False
        )
        assert unsigned.returncode != 0
        assert "REFUSED" in unsigned.stderr
        dns.stop()
        with pytest.raises(ConnectionRefusedError):
            dns.txt(NAME)
        dns.start()
        assert dns.txt(NAME) == ["-second"]


def test_a_secondary_follows_its_primary() -> None:
    with contextlib.ExitStack() as stack:
        port = ports.free(stack)
        primary = stack.enter_context(Bind("example.test", secondaries=(f"127.0.0.1:{port}",)))
        copy = stack.enter_context(Bind(primary=primary, port=port))
        primary.change(f"add {NAME} 60 TXT value")
        copy.wait_for(NAME, ["value"])
        assert copy.server != primary.server
