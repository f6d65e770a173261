# ruff: noqa: SIM112 - the contract's variables are in lower case
"""What the well-behaved hooks share: they record each call, and publish in the test's name server and web root."""

# Loaded a thousand times in a run of the tests: what only some calls need, they import themselves.
import json
import os
import sys

given: list[str] = []
"""What stood on stdin, once `begin` has read it."""


def begin() -> str:
    """Record this call in $RECORD; fail if $FAIL_AT says so. The result is the operation."""

    given.append(sys.stdin.read())
    umask = os.umask(0o077)
    os.umask(umask)
    call = {
        "argv": sys.argv[1:],
        "env": dict(os.environ),
        "stdin": given[0],
        "stdin_is_null": os.stat(0) == os.stat(os.devnull),
        "cwd": os.getcwd(),
        "umask": umask,
        "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd")),
        "session": os.getsid(0) == os.getpid(),
        "wellknown": _files("WELLKNOWN"),
        "alpncertdir": _files("ALPNCERTDIR"),
    }
    with open(os.environ["RECORD"], "a", encoding="utf-8") as file:
        file.write(json.dumps(call) + "\n")
    fail_if_told(*sys.argv[1:3], os.environ.get("cbot_domain", ""))
    return sys.argv[1]


def _files(variable: str) -> dict[str, str]:
    """What the caller has put into the folder that a variable names."""
    folder = os.environ.get(variable)
    found = {}
    for name in os.listdir(folder) if folder and os.path.isdir(folder) else ():
        with open(os.path.join(str(folder), name), encoding="ascii") as file:
            found[name] = file.read()
    return found


def fail_if_told(operation: str, *names: str) -> None:
    """$FAIL_AT is an operation, or operation:name."""
    told, _, name = os.environ.get("FAIL_AT", "").partition(":")
    if told and told == operation and (not name or name in names):
        print(f"the provider says no to {operation}")
        print("quota exceeded", file=sys.stderr)
        sys.exit(3)


def digest(key_authorization: str) -> str:
    """The value of a TXT record, RFC 8555 section 8.4."""
    import base64
    import hashlib

    found = hashlib.sha256(key_authorization.encode()).digest()
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode()


def add_txt(domain: str, value: str, label: str = "_acme-challenge") -> None:
    """Publish, but not for the name in $FORGET, about which this provider keeps silent."""
    if domain == os.environ.get("FORGET"):
        return
    _publish(f"add {label}.{domain}. 60 TXT {value}", "set-txt", f"{label}.{domain}", value=value)


def remove_txt(domain: str, label: str = "_acme-challenge") -> None:
    """The name server forgets all values of a name at once."""
    _publish(f"delete {label}.{domain}. TXT", "clear-txt", f"{label}.{domain}")


def add_file(token: str, content: str) -> None:
    with open(os.path.join(os.environ["WEBROOT"], token), "w", encoding="ascii") as file:
        file.write(content)


def remove_file(token: str) -> None:
    os.unlink(os.path.join(os.environ["WEBROOT"], token))


def add_certificate(server_name: str, certificate: str, key: str) -> None:
    import shutil

    for source, kind in ((key, "key"), (certificate, "crt")):
        shutil.copyfile(source, os.path.join(os.environ["TLS_FOLDER"], f"{server_name}.{kind}.pem"))


def remove_certificate(server_name: str) -> None:
    for kind in ("crt", "key"):
        os.unlink(os.path.join(os.environ["TLS_FOLDER"], f"{server_name}.{kind}.pem"))


def _publish(update: str, path: str, name: str, **more: str) -> None:
    """In the name server $SERVER, "address port", that takes updates with $KEY_FILE (RFC 2136), or in the CA's own."""
    if "SERVER" in os.environ:
        import subprocess

        words = f"server {os.environ['SERVER']}\nupdate {update}\nsend\n"
        subprocess.run(["nsupdate", "-k", os.environ["KEY_FILE"]], input=words, text=True, check=True)
    else:
        manage(path, {"host": f"{name}.", **more})


def manage(path: str, body: dict[str, str]) -> None:
    import socket

    host, _, port = os.environ["CHALLTESTSRV"].removeprefix("http://").partition(":")
    content = json.dumps(body)
    request = f"POST /{path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {len(content)}\r\n\r\n{content}"
    with socket.create_connection((host, int(port)), timeout=10) as link:
        link.sendall(request.encode())
        status = link.makefile("rb").readline().split()
    if status[1:2] != [b"200"]:
        sys.exit(f"the name server's management says {status}")
