"""What is remembered about deployed certificates."""

from __future__ import annotations

import datetime
import logging
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from certbot_external_auth.lineages import certificate, handed_over
from certbot_external_auth.lineages.deployment import Deployment, names_to_hand_over
from certbot_external_auth.lineages.lineage import Lineage


def write_certificate(path: Path, names: list[str], common: str | None = None) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else [])
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"some text before\n" + made.public_bytes(serialization.Encoding.PEM))


@pytest.fixture
def host(tmp_path: Path) -> Path:
    write_certificate(tmp_path / "config/live/old.test/cert.pem", ["old.test"])
    return tmp_path


def state(host: Path) -> handed_over.HandedOver:
    return handed_over.HandedOver(str(host / "config"), str(host / "work"))


def test_the_first_contact_takes_what_is_there_for_deployed(host: Path) -> None:
    """Guards against: restarting every server because the plugin is new."""
    state(host).baseline()
    present = certificate.fingerprint(str(host / "config/live/old.test/cert.pem"))
    assert state(host).deployed("old.test") == present
    write_certificate(host / "config/live/new.test/cert.pem", ["new.test"])
    state(host).baseline()
    assert state(host).deployed("new.test") is None


def test_a_deployment_that_was_begun_is_due_until_it_is_recorded(host: Path) -> None:
    state(host).baseline()
    state(host).begin("new.test")
    assert state(host).known()["new.test"] is None
    state(host).record("new.test", "ab")
    assert state(host).deployed("new.test") == "ab"


def test_only_the_owner_may_look(host: Path) -> None:
    state(host).baseline()
    assert stat.S_IMODE((host / "work/external-auth").stat().st_mode) == 0o700
    assert stat.S_IMODE((host / "work/external-auth/deployments.json").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"version": 99, "config_dirs": {}}', '{"version": 1, "config_dirs": {"x": 1}}']
)
def test_a_damaged_file_is_set_aside_with_a_warning(host: Path, content: str, caplog: pytest.LogCaptureFixture) -> None:
    """It must never stand in the way of a renewal, and a deployment too many is better than one too few."""
    state(host).baseline()
    path = host / "work/external-auth/deployments.json"
    path.write_text(content)
    with caplog.at_level(logging.WARNING):
        assert state(host).deployed("old.test") is None
    assert "set aside" in caplog.text
    assert path.with_name("deployments.json.damaged").read_text() == content


def test_a_link_in_its_place_is_not_followed(host: Path) -> None:
    state(host).baseline()
    path = host / "work/external-auth/deployments.json"
    path.unlink()
    path.symlink_to(host / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        state(host).deployed("old.test")
    assert not (host / "elsewhere").exists()


def test_the_first_name_is_the_common_name(tmp_path: Path) -> None:
    write_certificate(tmp_path / "a.pem", ["*.x.test", "x.test"], common="x.test")
    write_certificate(tmp_path / "b.pem", ["*.x.test", "x.test"])
    assert certificate.read(str(tmp_path / "a.pem")).names == ("x.test", "*.x.test")
    assert certificate.read(str(tmp_path / "b.pem")).names == ("*.x.test", "x.test")
    assert certificate.read(str(tmp_path / "a.pem")).not_after.date() == datetime.date(2026, 4, 1)


def test_which_lineage_a_file_belongs_to(host: Path) -> None:
    config = str(host / "config")
    assert handed_over.lineage_of(str(host / "config/live/old.test/cert.pem"), config) == "old.test"
    assert handed_over.lineage_of(str(host / "cert.pem"), config) is None
    assert handed_over.lineage_with({"old.test"}, config) == "old.test"
    assert handed_over.lineage_with({"old.test", "x.test"}, config) is None


def deployment(domain: str, lineage: str | None = "x.test", sha256: str = "ab") -> Deployment:
    names = ("x.test", "y.test")
    return Deployment("d1", lineage, domain, names, "/c", "/k", None, None, 1, 2.0, "2026-01-02T03:04:05.000Z", sha256)


def test_a_certificate_is_tried_once_for_each_name() -> None:
    attempts = handed_over.Attempts({})
    tried = [deployment("x.test"), deployment("x.test"), deployment("y.test"), deployment("x.test", sha256="cd")]
    assert [attempts.once(one) for one in tried] == [True, False, True, True]
    assert attempts.once(deployment("x.test", lineage=None))
    assert (attempts.tried("x.test"), attempts.tried("other.test")) == (True, False)


@pytest.mark.parametrize(("historic", "succeeded"), [(False, True), (True, False)])
def test_when_a_certificate_is_handed_over(historic: bool, succeeded: bool) -> None:
    """In the historic form, a certificate is handed over when each of its names was."""
    attempts, first = handed_over.Attempts({}), deployment("x.test")
    attempts.succeeded(first)
    assert attempts.all_succeeded(first, names_to_hand_over(first, historic)) is succeeded
    attempts.succeeded(deployment("y.test"))
    assert attempts.all_succeeded(first, names_to_hand_over(first, historic))


def test_what_was_there_at_the_first_contact_is_remembered(host: Path) -> None:
    config = str(host / "config")
    before = handed_over.attempts_for(config).before
    write_certificate(host / "config/live/new.test/cert.pem", ["new.test"])
    assert list(handed_over.attempts_for(config).before) == list(before) == ["old.test"]


def test_the_files_of_a_lineage() -> None:
    """Guards against: the certificate's key under Certbot's other word for it."""
    assert Lineage("/etc/letsencrypt", "x.test").paths == {
        "cert_path": "/etc/letsencrypt/live/x.test/cert.pem",
        "key_path": "/etc/letsencrypt/live/x.test/privkey.pem",
        "chain_path": "/etc/letsencrypt/live/x.test/chain.pem",
        "fullchain_path": "/etc/letsencrypt/live/x.test/fullchain.pem",
    }
