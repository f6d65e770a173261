"""What holds for every test, and the fixtures of those that run Certbot against a CA that really validates."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = str(Path(__file__).resolve().parent.parent)
if ROOT not in sys.path:
    # `pytest`, unlike `python -m pytest`, does not look for `tests.support` here.
    sys.path.insert(0, ROOT)

from tests.support import another_user, dispositions, purity  # noqa: E402
from tests.support import tls as tls_support  # noqa: E402
from tests.support.certbot import Certbot  # noqa: E402
from tests.support.hooks import Hooks  # noqa: E402
from tests.support.snica import TlsSniCA  # noqa: E402
from tests.support.testca import TestCA  # noqa: E402
from tests.support.two_steps import Tool  # noqa: E402
from tests.support.webroot import Webroot  # noqa: E402

# Here, because it is before any worker is started; each of them loads this, too.
dispositions.as_at_login()

# The environment of tests/foreign has no hypothesis.
with contextlib.suppress(ImportError):
    import hypothesis

    # How long an example takes is the machine's business.
    hypothesis.settings.register_profile("untimed", deadline=None)
    hypothesis.settings.load_profile("untimed")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes after their argument. A certificate is another one in each worker, and all must agree on names."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(autouse=True)
def _no_impure_run() -> Iterator[None]:
    """Every run in JSON mode is checked by the runner itself; nothing a test does can make it forgotten."""
    purity.failures.clear()
    yield
    found = purity.failures[:]
    purity.failures.clear()
    assert not found, "\n\n".join(found)


@pytest.fixture(scope="session")
def ca() -> Iterator[TestCA]:
    """Validates every name anew."""
    with TestCA() as found:
        yield found


@pytest.fixture(scope="session")
def reusing_ca() -> Iterator[TestCA]:
    """Remembers what it has validated."""
    with TestCA(authz_reuse=100) as found:
        yield found


@pytest.fixture(scope="session")
def sni_ca() -> Iterator[TlsSniCA]:
    """Offers tls-sni-01."""
    with TlsSniCA() as found:
        yield found


@pytest.fixture(scope="session")
def for_another_user() -> Iterator[dict[str, str]]:
    """What a Python that becomes another user is started with, so that it can go on loading modules."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield {**os.environ, **another_user.environment(Path(folder))}


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter: those of pytest are closed to all but their owner."""
    with tempfile.TemporaryDirectory(prefix="open to all ") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.fixture
def domain(ca: TestCA) -> Iterator[str]:
    """A name of this test alone, so that tests can share a CA."""
    found = f"t{uuid.uuid4().hex[:12]}.test"
    yield found
    ca.clear_txt(f"_acme-challenge.{found}")


@pytest.fixture
def certbot(ca: TestCA, scripts: Hooks, webroot_folder: Path, tmp_path: Path) -> Certbot:
    found = Certbot(tmp_path / "host", ca)
    found.environment["RECORD"] = str(scripts.record)
    found.environment["WEBROOT"] = str(webroot_folder)
    found.environment["TLS_FOLDER"] = str(tmp_path / "tls")
    return found


@pytest.fixture
def tls(ca: TestCA, tmp_path: Path) -> Iterator[Path]:
    """A TLS server where the CA looks; what is put into this folder is an answer to it."""
    with tls_support.serving(tmp_path / "tls", ca.tls_port) as folder:
        yield folder


@pytest.fixture
def scripts(tmp_path: Path) -> Hooks:
    """Copies of tests/hooks, for this test alone."""
    return Hooks(tmp_path / "hooks", tmp_path / "calls")


@pytest.fixture
def webroot_folder(tmp_path: Path) -> Path:
    found = tmp_path / "webroot"
    found.mkdir()
    return found


@pytest.fixture
def web(ca: TestCA, webroot_folder: Path) -> Iterator[Webroot]:
    with Webroot(webroot_folder, ca.http_port) as found:
        yield found


@pytest.fixture
def tool(certbot: Certbot, ca: TestCA) -> Iterator[Tool]:
    """Runs Certbot in two steps; nothing of a session is left in the end."""
    # A socket's path is short, and those of pytest's folders are not.
    with tempfile.TemporaryDirectory() as runtime:
        found = Tool(certbot, ca, Path(runtime))
        yield found
        for one in found.run("status")["sessions"]:
            if one["state"] in ("waiting", "working"):
                found.run("abort", one["session"])
        records = certbot.work_dir.glob("external-auth/sessions/*/session.json")
        assert not [path for path in records if os.path.exists(json.loads(path.read_text())["socket"])]
