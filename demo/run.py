"""The demo: a certificate for `demo.example` and `*.demo.example`, issued and renewed before your eyes.

Everything happens on this machine. The CA is Pebble, the test server of Let's Encrypt, and it validates for real.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from cryptography import x509

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.testca import TestCA  # noqa: E402

STATE = ROOT / "demo" / "state"
CALLS = STATE / "handler-calls"
OUTPUT = STATE / "certbot-output"
FOLDERS = [f"--config-dir={STATE / 'certbot'}", f"--work-dir={STATE / 'work'}", f"--logs-dir={STATE / 'logs'}"]
LINEAGE = STATE / "certbot" / "live" / "demo.example"
CERTBOT = Path(sys.executable).parent / "certbot"
TXT_NAME = "_acme-challenge.demo.example"
HANDLER = "demo/handler.sh"

# Certbot's own cleanup after Ctrl-C calls the handler once more for each name.
PATIENCE = 30


def main() -> int:
    """Run all steps; the exit code is Certbot's where it fails."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    # Pebble forgets its accounts when it ends, so what an earlier demo left would not be known to this one.
    if STATE.exists():
        shutil.rmtree(STATE)
    STATE.mkdir()
    os.chdir(ROOT)
    heading("1. A certificate authority on this machine")
    with TestCA() as ca:
        say("CA", f"Pebble, Let's Encrypt's test server, at {ca.directory}")
        say("DNS", f"its name server, at {ca.dns}: the CA looks there for the TXT records")

        heading("2. Issue")
        plugin = ["--configurator", "external-auth", "--external-auth-handler", HANDLER]
        # No resolver of the world knows this CA's names.
        plugin += ["--external-auth-verify-nameservers", ca.dns]
        certbot(
            ca,
            ["certonly", "-q", "-n", *plugin, "-d", "demo.example", "-d", "*.demo.example"],
            ["--server", ca.directory, "--agree-tos", "--register-unsafely-without-email"],
        )
        first = tell_certificate()

        heading("3. Renew, as a timer would: no flag of the plugin is given again")
        certbot(ca, ["renew", "-q", "--force-renewal"], ["--no-random-sleep-on-renew"])
        if tell_certificate() == first:
            print("  The certificate is still the first one.", file=sys.stderr)
            return 1
    tell_what_next()
    return 0


def certbot(ca: TestCA, words: Sequence[str], unshown: Sequence[str]) -> None:
    """Run Certbot, telling live what the handler is called for and what the CA said.

    :raises SystemExit: with Certbot's exit code, if it failed.
    """
    tell_command(words)
    server = "--server with the CA's address, and " if "--server" in unshown else ""
    print(f"    (and {server}folders below {here(STATE)})\n", flush=True)
    CALLS.write_text("")
    ca.manage("clear-request-history", {"host": TXT_NAME, "type": "dns"})
    with OUTPUT.open("wb") as sink:
        process = subprocess.Popen(
            [CERTBOT, *words, *unshown, *FOLDERS],
            env=environment(ca),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            # Ctrl-C shall reach the demo alone, which passes it on once and waits for Certbot's cleanup.
            start_new_session=True,
        )
    try:
        watch(ca, process)
    except BaseException:
        stop(process)
        print()
        tell_left(ca)
        raise
    for line in OUTPUT.read_text(errors="replace").splitlines():
        say("certbot", line)
    tell_left(ca)
    if process.returncode:
        print(f"\n  Certbot failed; more is in {here(STATE / 'logs')}.", file=sys.stderr)
        raise SystemExit(process.returncode)


def environment(ca: TestCA) -> dict[str, str]:
    # A proxy has no business between servers of one machine.
    bare = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return {
        **bare,
        "REQUESTS_CA_BUNDLE": str(ca.ca_bundle),
        "DEMO_DNS": ca.management,
        "DEMO_CALLS": str(CALLS),
    }


def watch(ca: TestCA, process: subprocess.Popen[bytes]) -> None:
    """Tell the handler's calls as they come, until the process ends."""
    told = 0
    while True:
        ended = process.poll() is not None
        lines = CALLS.read_text().splitlines()
        for line in lines[told:]:
            call = line.split("|")
            if call[0] == "pre-cleanup":
                # The first call after the CA has decided.
                tell_verdicts(ca)
            tell_call(*call)
        told = len(lines)
        if ended:
            return
        time.sleep(0.05)


def tell_call(operation: str, record: str, value: str, fullchain: str) -> None:
    detail = f'{record} TXT "{value}"' if value else here(fullchain) if fullchain else ""
    say("handler", f"{operation:<13} {detail}".rstrip())


def tell_verdicts(ca: TestCA) -> None:
    # The first questions are the plugin's, which looks before it lets the CA look.
    say("DNS", f"was asked {len(ca.asked(TXT_NAME))} times for {TXT_NAME}, by the plugin and the CA")
    for name, verdict in verdicts((STATE / "logs" / "letsencrypt.log").read_text()).items():
        say("CA", f"answers: {name} is {verdict}")


def tell_left(ca: TestCA) -> None:
    say("DNS", f"records left at {TXT_NAME}: {len(ca.txt(TXT_NAME)) or 'none'}")


def verdicts(log: str) -> dict[str, str]:
    """What the CA's authorizations said last, from the answers that Certbot logs."""
    statuses = {}
    for text in re.findall(r"^\{\n.*?^\}", log, re.MULTILINE | re.DOTALL):
        with contextlib.suppress(ValueError):
            body = json.loads(text)
            if "identifier" in body and "status" in body:
                name = ("*." if body.get("wildcard") else "") + body["identifier"]["value"]
                statuses[name] = str(body["status"])
    return statuses


def tell_certificate() -> int:
    """Say what lies on disk; the result is its serial number."""
    certificate = x509.load_pem_x509_certificate((LINEAGE / "cert.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    serial = f"{certificate.serial_number:x}"
    print()
    say("result", f"certificate {serial} for {', '.join(names.get_values_for_type(x509.DNSName))}")
    say("", f"signed by {certificate.issuer.rfc4514_string()}")
    return certificate.serial_number


def tell_what_next() -> None:
    heading("4. What is left")
    say("files", f"{here(LINEAGE)}/  (fullchain.pem, privkey.pem, …)")
    say("", f"{here(STATE / 'certbot' / 'renewal' / 'demo.example.conf')}  (what a renewal remembers)")
    say("", "No server and no other process is left running.")
    heading("5. The same with a real CA")
    print(
        f"""\
  Install the plugin for the Python your Certbot runs with ('certbot plugins' must list external-auth), copy
  {HANDLER} to /etc/letsencrypt/handler.sh, let it talk to your DNS provider, and try it as root:

  $ certbot certonly --configurator external-auth \\
        --external-auth-handler /etc/letsencrypt/handler.sh \\
        -d yourdomain.org -d '*.yourdomain.org' --dry-run

  Without --dry-run it is for real, and 'certbot renew' remembers the rest."""
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    """End Certbot as Ctrl-C would, so that it withdraws what was published."""
    try:
        for number, patience in ((signal.SIGINT, PATIENCE), (signal.SIGTERM, 5)):
            if process.poll() is None:
                process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(patience)
    finally:
        # Also after a second Ctrl-C.
        process.kill()
        process.wait()


def tell_command(words: Sequence[str]) -> None:
    """The command over several lines, each flag together with its value."""
    pairs = re.sub(r"(?<= )(--?[\w-]+) (?!-)", "\\1\xa0", f"$ certbot {shlex.join(words)}")
    lines = textwrap.wrap(pairs, 90, subsequent_indent="      ", break_on_hyphens=False, break_long_words=False)
    print(" \\\n  ".join(["  " + lines[0], *lines[1:]]).replace("\xa0", " "))


def heading(text: str) -> None:
    print(f"\n{text}\n{'=' * len(text)}", flush=True)


def say(who: str, what: str) -> None:
    print(f"  {who:<8} {what}", flush=True)


def here(path: Path | str) -> str:
    return os.path.relpath(path, ROOT)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nInterrupted: everything the demo started has been ended.", file=sys.stderr)
        sys.exit(130)
