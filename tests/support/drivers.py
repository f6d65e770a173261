"""Programs at the other end of a JSON run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.json_driver import Send
from tests.support.purity import Line
from tests.support.testca import TestCA


def answer(send: Send, **fields: object) -> None:
    send(json.dumps(fields).encode() + b"\n")


def refusal(line: Line, code: str, message: str) -> Mapping[str, Any]:
    return {"id": line["id"], "ok": False, "error": {"code": code, "message": message}}


class Publisher:
    """A driver that does its work: publishes each challenge as it comes, confirms all at once, withdraws.

    :ivar published: TXT values by name, and files by URI, ever published.
    """

    def __init__(self, ca: TestCA, webroot: Path, tls: Path | None = None) -> None:
        self._ca = ca
        self._tls = tls
        self._names: dict[str, str] = {}
        self._webroot = webroot
        self.published: dict[str, list[str]] = {}

    def __call__(self, line: Line, send: Send) -> None:
        command = line["cmd"]
        if command == "perform_challenge":
            self.publish(line)
            if "id" not in line:
                send(b"\n")
        elif command == "await":
            answer(send, ok=True)
        elif command == "cleanup":
            self.withdraw(line)
        if command in ("cleanup", "deploy_cert") and "id" in line:
            answer(send, id=line["id"], ok=True)

    def publish(self, line: Line) -> None:
        if "txt_domain" in line:
            self._ca.add_txt(line["txt_domain"], line["validation"])
            self._names[line["token"]] = line["txt_domain"]
            self.published.setdefault(line["txt_domain"], []).append(line["validation"])
        elif self._tls is not None and line["type"].startswith("tls-"):
            for path, kind in ((line["key_path"], "key"), (line["cert_path"], "crt")):
                shutil.copyfile(path, self._tls / f"{line['z_domain']}.{kind}.pem")
            self._names[line["token"]] = line["z_domain"]
            self.published.setdefault(line["z_domain"], []).append(line["cert_pem"])
        else:
            (self._webroot / line["token"]).write_text(line["key_auth"])
            self.published.setdefault(line["uri"], []).append(line["key_auth"])

    def withdraw(self, line: Line) -> None:
        if line["type"].startswith("dns-"):
            self._ca.clear_txt(self._names.get(line["token"], f"_acme-challenge.{line['domain']}"))
        elif self._tls is not None and line["type"].startswith("tls-"):
            for kind in ("key", "crt"):
                (self._tls / f"{self._names[line['token']]}.{kind}.pem").unlink()
        else:
            (self._webroot / line["token"]).unlink(missing_ok=True)
