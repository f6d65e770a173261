"""The wheel and the source distribution: complete, without rubbish, and usable from where they are installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "certbot_external_auth"
NOT_COPIED = (".*", "build", "dist", "*.egg-info", "state", "venv")


# One worker, one build.
pytestmark = pytest.mark.xdist_group("packaging")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel made from it."""
    pytest.importorskip("build", reason="only .venv has what is needed to build without a network")
    source = tmp_path_factory.mktemp("project with a blank") / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*NOT_COPIED))
    # What a developer's folder has lying about.
    for stray in ("tests/unit/__pycache__/stray.pyc", f"{PACKAGE}/__pycache__/stray.pyc", "demo/state/privkey.pem"):
        (source / stray).parent.mkdir(parents=True, exist_ok=True)
        (source / stray).write_bytes(b"")
    run("-m", "build", "--no-isolation", "--outdir", source / "dist", source)
    return source / "dist"


def run(*words: str | Path) -> str:
    ended = subprocess.run([sys.executable, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd="/")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def package_files() -> set[str]:
    found = {str(path.relative_to(ROOT)) for path in (ROOT / PACKAGE).rglob("*") if path.is_file()}
    return {name for name in found if "__pycache__" not in name}


def metadata_files(names: set[str]) -> set[str]:
    return {name for name in names if ".dist-info/" in name or ".egg-info" in name}


def test_wheel_is_the_package_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert names - metadata_files(names) == package_files()
    assert any(name.endswith("LICENSE") for name in metadata_files(names))


def test_source_distribution_is_what_builds_the_wheel(built: Path) -> None:
    (source,) = built.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    beside = names - metadata_files(names) - package_files()
    assert {"LICENSE", "README.md", "pyproject.toml", "setup.py"} <= beside
    assert beside <= {
        *("ARCHITECTURE.md", "CHANGELOG.md", "LICENSE", "MANIFEST.in", "PKG-INFO"),
        *("README.md", "SECURITY.md", "pyproject.toml", "setup.cfg", "setup.py"),
    }
    assert package_files() <= names


def test_installed_wheel_can_be_imported_and_is_a_plugin(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    quiet = ("-qq", "--disable-pip-version-check")
    run("-m", "pip", "install", *quiet, "--no-index", "--no-deps", "--target", tmp_path, wheel)
    program = f"""
import importlib, importlib.metadata, pkgutil, sys
sys.path.insert(0, {str(tmp_path)!r})
import {PACKAGE} as package
assert package.__file__.startswith({str(tmp_path)!r}), package.__file__
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
(found,) = importlib.metadata.distributions(name="certbot-external-auth", path=[{str(tmp_path)!r}])
for point in found.entry_points.select(group="certbot.plugins"):
    print(point.name, point.load().__module__)
"""
    assert sorted(run("-c", program).splitlines()) == [
        f"certbot-external-auth:out {PACKAGE}.plugin",
        f"external-auth {PACKAGE}.plugin",
    ]


def test_wheel_source_distribution_and_checkout_install_the_same_files(built: Path, tmp_path: Path) -> None:
    """What pip notes about where it got them from is another matter."""
    (wheel,), (source,) = built.glob("*.whl"), built.glob("*.tar.gz")
    options = ("-qq", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation", "--no-compile")
    installed = {}
    for name, given in {"wheel": wheel, "source": source, "checkout": built.parent}.items():
        run("-m", "pip", "install", *options, "--target", tmp_path / name, given)
        paths = [path for path in (tmp_path / name).rglob("*") if path.is_file()]
        installed[name] = {
            str(path.relative_to(tmp_path / name)): path.read_bytes()
            for path in paths
            if path.name not in ("direct_url.json", "RECORD")
        }
    assert installed["wheel"] == installed["source"] == installed["checkout"]
    assert len(installed["wheel"]) > 200
