"""A host with many certificates, none of them due for long, as Certbot would have left them."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

FILES = ("cert", "privkey", "chain", "fullchain")
YEARS = 5
_KEY = ec.generate_private_key(ec.SECP256R1())
"""One for all: making keys would take longer than everything else."""
_PRIVATE = _KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)


def name(number: int) -> str:
    """The lineage of a number, and the name in its certificate."""
    return f"n{number:05}.example"


def make(config_dir: Path, count: int, server: str, options: Sequence[str], first: int = 0) -> None:
    """Write lineages below a configuration directory.

    :param options: lines of ``renewalparams``.
    :param first: number of the first one.
    """
    (config_dir / "renewal").mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        one(config_dir, name(number), server, options)


def one(config_dir: Path, lineage: str, server: str, options: Sequence[str], names: Sequence[str] = ()) -> None:
    """Write a lineage. :param names: in its certificate, if they are not the lineage's name."""
    archive, live = config_dir / "archive" / lineage, config_dir / "live" / lineage
    for folder in (archive, live, config_dir / "renewal"):
        folder.mkdir(parents=True, exist_ok=True)
    pem = certificate(*(names or (lineage,)))
    contents = {"cert": pem, "privkey": _PRIVATE, "chain": pem, "fullchain": pem + pem}
    for file in FILES:
        (archive / f"{file}1.pem").write_bytes(contents[file])
        link = live / f"{file}.pem"
        link.unlink(missing_ok=True)
        link.symlink_to(f"../../archive/{lineage}/{file}1.pem")
    lines = ["version = 2.1.0", f"archive_dir = {archive}", *(f"{file} = {live}/{file}.pem" for file in FILES)]
    lines += ["[renewalparams]", "account = none", f"server = {server}", "key_type = ecdsa", *options]
    (config_dir / "renewal" / f"{lineage}.conf").write_text("\n".join(lines) + "\n")


def certificate(*names: str) -> bytes:
    """Self-signed, in PEM."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime.now(datetime.timezone.utc)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(_KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.SubjectAlternativeName(list(map(x509.DNSName, names))), critical=False)
        .sign(_KEY, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)
