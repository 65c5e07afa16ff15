"""A private CA and the certificate of the mail server, made at start."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_FILE = "ca.pem"
SERVER_FILE = "smtp.pem"
_TERM = timedelta(days=3650)


def server_context(state: Path, host: str, wall: datetime) -> ssl.SSLContext:
    """Return the mail server's TLS context; ``ca.pem`` in ``state`` is what a client pins.

    A restart on the same folder keeps the certificate, so that clients which pinned it need not start anew.
    """
    if not _still_good(state / SERVER_FILE, host, wall):
        _make(state, host, wall)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(state / SERVER_FILE)
    return context


def _still_good(path: Path, host: str, wall: datetime) -> bool:
    if not (path.exists() and path.with_name(CA_FILE).exists()):
        return False
    kept = x509.load_pem_x509_certificate(path.read_bytes())
    names = kept.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return wall + timedelta(days=30) < kept.not_valid_after_utc and _alternative(host) in names


def _make(state: Path, host: str, wall: datetime) -> None:
    """Write a CA, whose key is thrown away, and one certificate signed by it."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _ca(ca_key, wall)
    leaf = _leaf(key, ca, ca_key, host, wall)
    (state / CA_FILE).write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    server = state / SERVER_FILE
    server.touch(mode=0o600)
    server.write_bytes(
        leaf.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def _ca(key: ec.EllipticCurvePrivateKey, wall: datetime) -> x509.Certificate:
    name = _name("duban sandbox CA")
    public = key.public_key()
    return (
        _builder(name, name, public, wall)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )


def _leaf(
    key: ec.EllipticCurvePrivateKey,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    host: str,
    wall: datetime,
) -> x509.Certificate:
    names = list(dict.fromkeys(map(_alternative, (host, "localhost", "127.0.0.1"))))
    public = key.public_key()
    return (
        _builder(_name("duban sandbox"), ca.subject, public, wall)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, wall: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(wall - timedelta(days=1))
        .not_valid_after(wall + _TERM)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
