"""Documents as the verbs of earlier versions printed them, and how this version's are recorded.

    python -m tests.support.recorded_documents [NAME]

runs the verbs against test servers and writes what they print, under a name or this version's number; what is there is
history.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from certbot_external_auth import __version__
from certbot_external_auth.console.schema import DOCUMENTS
from tests.support.bind import Bind
from tests.support.certbot import Certbot
from tests.support.hooks import Hooks
from tests.support.new_ca import NewCA
from tests.support.persist import persist
from tests.support.recordings import FOLDER
from tests.support.recover import recover
from tests.support.rehearsals import rehearse
from tests.support.testca import BLOCKED, TestCA
from tests.support.two_steps import Ended, Tool
from tests.support.words import RENEW_NOW, handler, names

Recorded = tuple[str, int | None, dict[str, Any]]
"""A verb, its exit code, None where that does not belong to the document, and the document."""

UNSEEN = ("--external-auth-verify", "off")

_KILLING = '#!/bin/sh\n{inner} "$@" || exit\n[ -z "$SPARE" ] && [ "$1" = perform ] && kill -KILL $PPID\nexit 0\n'


def versions() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob(f"*-{DOCUMENTS}.json"))


def read(name: str) -> list[Recorded]:
    found = json.loads((FOLDER / f"{name}.json").read_text())
    return [(one["verb"], one["code"], one["document"]) for one in found]


def record() -> str:
    """The documents of everything that a tool meets."""
    with tempfile.TemporaryDirectory() as folder, TestCA() as ca, Bind("example") as dns:
        host = Path(folder)
        dns.change("add _acme-challenge.a.example 60 CNAME a.acme.example.")
        scripts = Hooks(host / "hooks", host / "calls")
        certbot = Certbot(host / "host", ca)
        certbot.environment["RECORD"] = str(scripts.record)
        tool = Tool(certbot, ca, host)
        ones = [*_sessions(tool), *_renewal(tool), *_leftovers(tool, dns, scripts), *_checks(dns, scripts)]
        ones += _lasting(host / "lasting")
        ones += [*_records(dns), *_routes(dns, scripts)]
        text = json.dumps(
            [{"verb": verb, "code": code, "document": document} for verb, code, document in ones], indent=1
        )
        for path, shown in (
            (certbot.config_dir, "/etc/letsencrypt"),
            (certbot.work_dir, "/var/lib/letsencrypt"),
            (scripts.folder, "/usr/local/sbin"),
            (certbot.logs_dir, "/var/log/letsencrypt"),
            (certbot.cwd, "/srv"),
            (host, "/srv"),
        ):
            text = text.replace(str(path), shown)
        return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:53", re.sub(r'"port": "\d+"', '"port": "443"', text)) + "\n"


def _said(verb: str, ended: Ended) -> Recorded:
    return verb, ended.code, ended.document


def _sessions(tool: Tool) -> Iterator[Recorded]:
    """Success, refusals of the CA and of the tool, what cannot be done."""
    yield _said("status", tool.run("status", "0123456789ab"))
    yield _said("begin", tool.begin("certonly", *names("w.example"), "--no-such-flag"))
    yield _said("begin", tool.begin("certonly", *names(BLOCKED)))
    begun = tool.begin("certonly", *names("w.example", "*.w.example"))
    yield _said("begin", begun)
    yield _said("status", tool.run("status"))
    yield _said("begin", tool.begin("certonly", *names("b.example")))
    yield _said("begin", tool.begin("certonly", *names("w.example", "*.w.example"), more=("--resume",)))
    tool.publish(begun)
    done = tool.run("finish", begun["session"])
    yield _said("finish", done)
    tool.remove(done)
    yield _said("begin", tool.begin("certonly", *names("w.example", "*.w.example")))
    for kind in "http", "tls-alpn-01":
        begun = tool.begin("certonly", *UNSEEN, "--preferred-challenges", kind, *names("h.example"))
        yield _said("begin", begun)
        yield _said("finish", tool.run("finish", begun["session"]))
    unreachable = tool.begin("certonly", *names("g.example"))
    os.unlink(json.loads((_record(tool, unreachable) / "session.json").read_text())["socket"])
    yield _said("finish", tool.run("finish", unreachable["session"]))
    yield _said("abort", tool.run("abort", unreachable["session"]))


def _record(tool: Tool, begun: Ended) -> Path:
    return tool.certbot.work_dir / "external-auth" / "sessions" / str(begun["session"])


def _renewal(tool: Tool) -> Iterator[Recorded]:
    """Of two certificates: one cannot be published, at the other one it is given up."""
    second = tool.begin("certonly", *names("v.example"))
    tool.publish(second)
    tool.remove(tool.run("finish", second["session"]))
    begun = tool.begin(*RENEW_NOW)
    yield _said("begin", begun)
    failed = begun["challenges"][0]["id"]
    words = ("--failed", failed, "--code", "dns.full", "--message", "no room in the zone")
    yield _said("finish", tool.run("finish", begun["session"], "--batch", "1", *words))
    yield _said("abort", tool.run("abort", begun["session"]))
    yield _said("status", tool.run("status", begun["session"]))


def _leftovers(tool: Tool, dns: Bind, scripts: Hooks) -> Iterator[Recorded]:
    """A session that is killed, and a run with a handler that is."""
    looking = ("--external-auth-verify-nameservers", dns.server)
    killed = tool.begin("certonly", *looking, *names("a.example"))
    os.kill(tool.process(killed["session"]), signal.SIGKILL)
    yield _said("finish", tool.run("finish", killed["session"]))
    yield "recover", None, recover(tool.certbot, "--list", "--json").document
    # The next one is told of it.
    begun = tool.begin("certonly", *looking, *names("a.example"))
    yield _said("begin", begun)
    (tool.certbot.work_dir / "external-auth" / "journal" / f"{'0' * 32}.json").write_text("rubbish")
    yield "recover", None, recover(tool.certbot, "--list", "--json").document
    yield _said("abort", tool.run("abort", begun["session"]))
    path = scripts.write("hook.sh", _KILLING.format(inner=scripts.native))
    assert tool.certbot.run("certonly", *handler(path), *names("k.example")).returncode == -signal.SIGKILL
    yield "recover", None, recover(tool.certbot, "--list", "--json").document
    tool.certbot.environment["SPARE"] = "1"
    yield "recover", None, recover(tool.certbot, "--json").document


def _lasting(folder: Path) -> list[Recorded]:
    """A record that stays."""
    with NewCA() as ca:
        folder.mkdir()
        tool = Tool(Certbot(folder / "host", ca), ca, folder)
        begun = tool.begin("certonly", "--preferred-challenges", "dns-persist-01", *names("p.example"))
        ca.add_txt(*next((name, values[0]) for name, values in begun["persist"].items()))
        return [_said("begin", begun), _said("finish", tool.run("finish", begun["session"]))]


def _checks(dns: Bind, scripts: Hooks) -> Iterator[Recorded]:
    """A handler that replaces what stands at a name, and one that does nothing."""
    environment = {"SERVER": f"{dns.address} {dns.port}", "KEY_FILE": str(dns.key_file)}
    words = ("--dialect", "dehydrated", "--json", "--domain", "c.example", "--nameserver", dns.server)
    for fault in "replaces", "nothing":
        path = scripts.path("updates.sh")
        ended = rehearse(path, *words, "--verify-timeout", "1", environment={**environment, "FAULT": fault})
        yield from (("check", None, line) for line in [*ended.steps.values(), ended.summary])


def _routes(dns: Bind, scripts: Hooks) -> Iterator[Recorded]:
    """A route that works, one that does not, and one without a name."""
    good = scripts.path("updates.sh")
    path = scripts.folder / "routes.ini"
    server = f"dialect = dehydrated\nverify-nameservers = {dns.server}\n"
    sections = {"r.example": f"{good}\n{server}", "s.example": f"{scripts.folder}/none\n", "*": f"{good}\n"}
    path.write_text("".join(f"[{name}]\nhandler = {text}" for name, text in sections.items()))
    path.chmod(0o644)
    environment = {"SERVER": f"{dns.address} {dns.port}", "KEY_FILE": str(dns.key_file)}
    ended = rehearse("--routes", str(path), "--json", "--timeout", "5", environment=environment)
    yield from (("check", None, line) for line in ended.lines)


def _records(dns: Bind) -> Iterator[Recorded]:
    """Records as they are printed, and one that stands beside one that does not."""
    account = "https://acme.ca.example/acct/123"
    words = ("--account-uri", account, "--issuer", "ca.example", "--draft", "01", "--format", "json")
    named = ("-d", "p.example", "-d", "*.q.example")
    yield "persist", None, persist(*words, *named, "--until", "2099-12-31").document
    dns.change(
        f'add _validation-persist.p.example 60 TXT "ca.example; accounturi={account}"',
        f'add _validation-persist.q.example 60 TXT "ca.example; accounturi={account}"',
    )
    yield "persist", None, persist(*words, *named, "--look", "--nameserver", dns.server).document


def main() -> int:
    name = sys.argv[1] if len(sys.argv) > 1 else __version__
    path = FOLDER / f"{name}-{DOCUMENTS}.json"
    if path.exists():
        print(f"There are documents of {name}: they stay as they are", file=sys.stderr)
        return 1
    path.write_text(record())
    return 0


if __name__ == "__main__":
    sys.exit(main())
