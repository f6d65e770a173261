"""A host with one certificate of this plugin, as Certbot would have left it, for rehearsals."""

from __future__ import annotations

import datetime
from pathlib import Path

from certbot_external_auth.accounts import stored
from certbot_external_auth.rehearsal.rehearsal import Report, Wanted, rehearse
from certbot_external_auth.rehearsal.subject import Host
from tests.support import lineages

SERVER = "https://ca.example/directory"
NAME = "a.example"
NOW = datetime.datetime.now(datetime.timezone.utc)
JWK = '{"kty": "EC", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", '
JWK += '"y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}'


class Bed:
    """One host with one certificate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = Host(str(folder / "config"), str(folder / "work"))
        self.hook = folder / "hook"
        self.hook.write_text("#!/bin/sh\n")
        self.hook.chmod(0o755)
        self.account = Path(stored.folder(self.host.config_dir, SERVER)) / "abc"
        self.account.mkdir(parents=True)
        (self.account / "regr.json").write_text('{"body": {}, "uri": "https://ca.example/acct/1"}')
        (self.account / "private_key.json").write_text(JWK)
        Path(self.host.work_dir).mkdir()
        self.keeps()

    def keeps(self, *options: str, publisher: str | None = None) -> None:
        named = f"external_auth_handler = {self.hook}" if publisher is None else publisher
        both = ("authenticator = external-auth", "installer = external-auth")
        lineages.one(Path(self.host.config_dir), NAME, SERVER, [*both, *filter(None, [named]), *options])
        self.edit("account = none", "account = abc")

    def copy(self, name: str) -> None:
        """Write another certificate with the same options."""
        config = Path(self.host.config_dir)
        _, _, kept = (config / "renewal" / f"{NAME}.conf").read_text().partition("key_type = ecdsa\n")
        lineages.one(config, name, SERVER, kept.splitlines())
        path = config / "renewal" / f"{name}.conf"
        path.write_text(path.read_text().replace("account = none", "account = abc"))

    def edit(self, before: str, after: str) -> None:
        path = Path(self.host.config_dir) / "renewal" / f"{NAME}.conf"
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))

    def live(self, file: str) -> Path:
        return Path(self.host.config_dir) / "live" / NAME / f"{file}.pem"

    def env_file(self, mode: int = 0o600) -> Path:
        path = self.folder / "secrets.env"
        path.write_text("TOKEN=xyzzy\n")
        path.chmod(mode)
        return path

    def look(self, now: datetime.datetime = NOW) -> Report:
        return rehearse(self.host, Wanted(dns=False), now)
