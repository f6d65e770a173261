"""Makes pictures from real runs in a terminal: mode handler, the live table of mode manual, and a rehearsal.

What is not shown stands in a cli.ini: the test CA, its name server and the folders. Certbot's own folders stand in the
pictures instead of the temporary ones, and what Certbot says after the end of the plugin's work is cut off.
"""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.testca import TestCA  # noqa: E402
from tests.support.tmux import Window, window  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
NAMES = "-d example.org -d '*.example.org'"
TXT_NAME = "_acme-challenge.example.org"
WIDTH, HEIGHT = 116, 30
FAILING = {"example.org": "publish-org", "example.net": "publish-net", "shop.example": "publish-shop"}
"""The handlers of the certificates that are rehearsed; the first one is well."""
HANDLER = """\
#!/bin/sh
# Publishes in the test CA's name server, which loses all values of a name at once.
case $1 in
perform) path=set-txt change=add ;;
cleanup) path=clear-txt change=delete ;;
deploy_cert) echo "systemctl reload nginx"; exit ;;
pre-* | post-*) exit ;;
*) echo NotImplemented; exit 1 ;;
esac
python3 -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1], sys.argv[2].encode()).close()' \\
    "{management}/$path" '{{"host": "'"$cbot_txt_domain"'.", "value": "'"$cbot_validation"'"}}' || exit
sleep 1
echo "$change $cbot_txt_domain $cbot_validation"
"""


def main() -> int:
    """Make all pictures."""
    PICTURES.mkdir(exist_ok=True)
    with TestCA() as ca, tempfile.TemporaryDirectory() as folder:
        rehearsal(Path(folder), ca)
    with TestCA() as ca, tempfile.TemporaryDirectory() as folder:
        host = Path(folder)
        configure(host, ca)
        command = f"certbot run -n -v --configurator external-auth --external-auth-handler publish-txt {NAMES}"
        with shown(host, command) as screen:
            screen.wait_for_end()
            save("handler", command, screen, host, "Congratulations")
        with shown(host, f"certbot certonly -a external-auth --cert-name by-hand {NAMES}") as screen:
            screen.wait_for(r"0 of 1 visible")
            values = re.findall(r"^  (\S{43})$", screen.everything(), re.MULTILINE)
            ca.add_txt(TXT_NAME, values[0])
            screen.wait_for(r"1 of 2")
            save("manual", f"certbot certonly -a external-auth {NAMES}", screen, host, "Enter continues at once")
            screen.keys("C-c")
            screen.wait_for_end()
    return 0


def rehearsal(host: Path, ca: TestCA) -> None:
    """Issue three certificates, let two of them fail at their next renewal, and rehearse."""
    configure(host, ca)
    scripts = {name: host / "bin" / script for name, script in FAILING.items()}
    for name, script in scripts.items():
        script.write_bytes((host / "bin" / "publish-txt").read_bytes())
        script.chmod(0o755)
        issue = ["certbot", "certonly", "-n", "-a", "external-auth", "--external-auth-handler", script.name, "-d", name]
        subprocess.run(issue, env=environment(host), check=True, capture_output=True, timeout=120)
    scripts["shop.example"].unlink()
    ca.manage("add-caa", {"host": "example.net.", "policies": [{"tag": "issue", "value": ";"}]})
    command = "certbot-external-auth rehearse --publish"
    with shown(host, command) as screen:
        screen.wait_for_end()
        save("rehearse", command, screen, host, "Pane is dead")


def configure(host: Path, ca: TestCA) -> None:
    """Write the handler, and what the commands leave out."""
    place = host / "bin" / "publish-txt"
    place.parent.mkdir()
    place.write_text(HANDLER.format(management=ca.management))
    place.chmod(0o755)
    settings = {
        **{f"{kind}-dir": host / "letsencrypt" / kind for kind in ("config", "work", "logs")},
        "server": ca.directory,
        "agree-tos": True,
        "register-unsafely-without-email": True,
        "external-auth-verify-nameservers": ca.dns,
    }
    configuration = host / "letsencrypt" / "cli.ini"
    configuration.parent.mkdir()
    configuration.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
    (host / "ca").write_text(str(ca.ca_bundle))


@contextlib.contextmanager
def shown(host: Path, command: str) -> Iterator[Window]:
    """Run a command in a terminal."""
    with window(["sh", "-c", command], environment(host), host, WIDTH, HEIGHT) as made:
        yield made


def environment(host: Path) -> dict[str, str]:
    """Return the variables of a command."""
    return {
        "PATH": f"{host / 'bin'}:{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin",
        "XDG_CONFIG_HOME": str(host),
        "REQUESTS_CA_BUNDLE": (host / "ca").read_text(),
        "LC_ALL": "C.UTF-8",
    }


def save(name: str, command: str, screen: Window, host: Path, last: str) -> None:
    """Write what can be seen as a picture. :param last: stands in the line before which it ends."""
    lines = screen.coloured().replace(f"{host}/letsencrypt/config", "/etc/letsencrypt").splitlines()
    lines = lines[: next(number for number, line in enumerate(lines) if last in line)]
    while not lines[-1]:
        lines.pop()
    lines = [line.replace(f"{host}/letsencrypt/logs", "/var/log/letsencrypt") for line in lines]
    lines = [line.replace(f"{host}/bin", "/usr/local/sbin") for line in lines]
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(f"[bold]# {command}[/bold]", highlight=False, soft_wrap=True)
    for line in lines:
        console.print(Text.from_ansi(line), soft_wrap=True)
    svg = console.export_svg(title=command.split()[0], unique_id=name)
    # A page that shows the picture asks nobody else for fonts.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    (PICTURES / f"{name}.svg").write_text(re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE))
    print(f"Written to docs/pictures/{name}.svg")


if __name__ == "__main__":
    sys.exit(main())
