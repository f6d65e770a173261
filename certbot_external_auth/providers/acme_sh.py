"""Engine acme.sh: the dnsapi scripts of the acme.sh that is installed on this machine."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from certbot_external_auth.providers import acme_sh_info
from certbot_external_auth.providers.engine import Kind, Missing, Problem, Provider

PROGRAM = Path(__file__).with_suffix(".sh")
REPOSITORY = "https://github.com/acmesh-official/acme.sh"
MAX_BYTES = 1_000_000
"""A longer file is not a script."""
_OWN_FUNCTION = "\n_initpath()"
"""The real acme.sh defines it. A program of that name that only starts the real one does not."""
_SAVED = re.compile(r"^(?:SAVED_)?([A-Za-z_]\w*)='(.*)'$", re.MULTILINE)


class AcmeSh:
    """See the module, and `IProviderEngine`."""

    challenge_types = ("dns-01",)
    builds_name = False
    told_aliases = True
    persists = True

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._search_path = settings.get("PATH")
        self._home = next((path for path in self._places() if _OWN_FUNCTION in _text(path / "acme.sh")), None)

    def installed(self) -> Missing | None:
        if self._home is None:
            home = self._settings.get("LE_WORKING_DIR")
            place = shlex.quote(home) if home else "~/.acme.sh"
            return Missing("acme.sh", (f"git clone --depth 1 {REPOSITORY} {place}",))
        if not any(shutil.which(each, path=self._search_path) for each in ("curl", "wget")):
            return Missing("curl or wget", ("apt-get install curl",))
        return None

    def providers(self) -> list[Provider]:
        return [
            _without(self.saved, acme_sh_info.provider(name, _text(path))) for name, path in self._scripts().items()
        ]

    def problems(self, name: str) -> list[Problem]:
        path = self._saved()
        readable = path.is_file() and path.stat().st_mode & 0o044
        return [Problem(Kind.SECRETS_READABLE, {"path": str(path)})] if readable else []

    def program(self, name: str) -> list[str]:
        shell = shutil.which("bash", path=self._search_path) or "/bin/sh"
        saved = self._saved()
        # Among the words, so that the plugin looks who can change it: acme.sh runs it.
        account = str(saved) if saved.is_file() else ""
        return [shell, str(PROGRAM), f"{self._home}/acme.sh", str(self._scripts()[name]), account]

    def _places(self) -> Iterator[Path]:
        """Yield the folders in which acme.sh may lie. One that the user names is the only one."""
        named = self._settings.get("LE_WORKING_DIR")
        if named:
            yield Path(named)
            return
        yield Path(self._settings.get("HOME", "/root"), ".acme.sh")
        yield Path("/usr/share/acme.sh")
        found = shutil.which("acme.sh", path=self._search_path)
        if found is not None:
            yield Path(os.path.realpath(found)).parent

    def _scripts(self) -> dict[str, Path]:
        """Return the script of each provider, by its name. As in acme.sh, dnsapi counts less than the folder above."""
        home = self._home or Path()
        paths = [*(home / "dnsapi").glob("dns_*.sh"), *home.glob("dns_*.sh")]
        found = {path.stem.removeprefix("dns_"): path for path in paths}
        return dict(sorted(found.items()))

    @property
    def saved(self) -> dict[str, str]:
        """The variables that acme.sh has saved."""
        return dict(_SAVED.findall(_text(self._saved())))

    def _saved(self) -> Path:
        """Return the file in which acme.sh has saved its user's secrets, if the user wants them used."""
        folder = self._settings.get("LE_CONFIG_HOME", "")
        return Path(self._settings.get("ACCOUNT_CONF_PATH") or (folder and f"{folder}/account.conf"))


def _without(saved: Mapping[str, str], provider: Provider) -> Provider:
    """Return a provider that does not need the variables that are saved."""
    variables = (dataclasses.replace(each, group=None) if each.name in saved else each for each in provider.variables)
    return dataclasses.replace(provider, variables=tuple(variables))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
