"""X.509 by the book (RFC 5280): what is asked, what is granted, what is taken back; no files, no state.

Certificates are valid from long ago. A box without a battery clock believes after a power cut that it is the day its
operating system was built; it must reach HQ all the same, because that is where it gets the time from.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.errors import ConfigError
from provisioning.names import hq_name, is_ip

VALID_FROM = datetime.datetime(2016, 1, 1, tzinfo=datetime.timezone.utc)
"""Earlier than the build of any operating system a box runs; systemd sets no clock to before its own build."""

AUTHORITY_YEARS = 20
_NAME_BYTES = 64  # RFC 5280, ub-common-name; counted as bytes, as strict readers do
_MAKE_REQUEST = "make one on the machine itself: commune-agent box key NAME"
_USAGES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
           "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip

PrivateKey = ec.EllipticCurvePrivateKey
PublicKey = ec.EllipticCurvePublicKey


@dataclass(frozen=True)
class Request:
    """A machine's wish to be certified, its signature checked: whoever wrote it holds the private key.

    Attributes:
        name: its common name.
        key: its P-256 public key.
    """

    name: str
    key: PublicKey


@dataclass(frozen=True)
class Grant:
    """What a certificate is to say.

    Attributes:
        name: common name, and first of the alternative names.
        role: ``box``, ``hq`` or ``broker``.
        addresses: further host names and IP addresses, sorted.
        key: the machine's public key.
        until: when it ends, whole seconds.
    """

    name: str
    role: str
    addresses: tuple[str, ...]
    key: PublicKey
    until: datetime.datetime


@dataclass(frozen=True)
class Issued:
    """A certificate as it was signed.

    Attributes:
        name: common name.
        role: ``box``, ``hq`` or ``broker``; ``authority`` for the authority's own.
        addresses: alternative names beside ``name``, sorted.
        serial: hex digits.
        until: when it ends.
        key_hash: SHA-256 of the public key (SubjectPublicKeyInfo), hex digits.
        fingerprint: SHA-256 of the certificate as ``openssl x509 -fingerprint -sha256`` writes it.
        pem: the certificate.
    """

    name: str
    role: str
    addresses: tuple[str, ...]
    serial: str
    until: datetime.datetime
    key_hash: str
    fingerprint: str
    pem: bytes


def new_key() -> PrivateKey:
    """Make a P-256 key: the smallest handshake that every broker and TLS library takes."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: PrivateKey) -> bytes:
    """Write a private key, unencrypted."""
    encoding, no_password = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, encoding, no_password)


def read_key(pem: bytes, source: str, remedy: str) -> PrivateKey:
    """Read a private key from the file ``source``.

    Raises:
        ConfigError: it is no P-256 key.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(source, f"holds no private key that can be used; {remedy}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ConfigError(source, f"holds no P-256 key; {remedy}")
    return key


def key_hash(key: PublicKey) -> str:
    """Give the SHA-256 of a public key, hex digits."""
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()


def request_pem(key: PrivateKey, name: str) -> bytes:
    """Write the request of a machine that holds ``key`` and is called ``name``."""
    request = x509.CertificateSigningRequestBuilder().subject_name(_subject(name)).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


def read_request(pem: bytes, source: str) -> Request:
    """Read a request from the file ``source``; what it asks for beside its name is not looked at.

    Raises:
        ConfigError: it is none, its signature is wrong, or its key is of a kind that is not signed here.
    """
    if b"PRIVATE KEY-----" in pem:
        raise ConfigError(source, "holds a private key, which never leaves its machine; give the .csr beside it")
    try:
        request = x509.load_pem_x509_csr(pem)
        signed = request.is_signature_valid
        key = request.public_key()
        name = _common_name(request.subject)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(source, f"holds no certificate request that can be read; {_MAKE_REQUEST}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ConfigError(source, f"its key is {_kind(key)}, only P-256 is signed here; {_MAKE_REQUEST}")
    if not signed:
        raise ConfigError(source, f"its signature is not of its own key: it was changed on the way; {_MAKE_REQUEST}")
    return Request(name, key)


def sign_authority(key: PrivateKey, name: str, now: datetime.datetime) -> bytes:
    """Write an authority's own certificate: it signs machines, and no further authority.

    Raises:
        ConfigError: no certificate can carry this name.
    """
    if not 1 <= len(name.encode()) <= _NAME_BYTES or not name.isprintable():
        problem = f"must be one line of 1 to {_NAME_BYTES} bytes in UTF-8, where a Vietnamese letter takes two or three"
        raise ConfigError("--name", f"{name!r} {problem}; write it shorter, or without accents")
    subject = _subject(name)
    until = now.replace(microsecond=0) + datetime.timedelta(days=AUTHORITY_YEARS * 365)
    builder = _builder(subject, subject, key.public_key(), until)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def sign(key: PrivateKey, authority: x509.Certificate, grant: Grant) -> Issued:
    """Sign a machine's certificate with the authority's key."""
    names = [_general(name) for name in (grant.name, *grant.addresses)]
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if grant.role == "broker" else ExtendedKeyUsageOID.CLIENT_AUTH
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = _builder(_subject(grant.name), authority.subject, grant.key, grant.until)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage("digital_signature"), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
    )
    return _issued(builder.sign(key, hashes.SHA256()))


def read_certificate(pem: bytes, source: str, remedy: str) -> Issued:
    """Read a certificate from the file ``source``.

    Raises:
        ConfigError: it is none.
    """
    return _issued(load_certificate(pem, source, remedy))


def load_certificate(pem: bytes, source: str, remedy: str) -> x509.Certificate:
    """Read a certificate as the library knows it; Raises ConfigError as ``read_certificate``."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        _issued(certificate)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound) as error:
        raise ConfigError(source, f"holds no certificate that can be read; {remedy}") from error
    return certificate


def _issued(certificate: x509.Certificate) -> Issued:
    name = _common_name(certificate.subject)
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("no key of a kind that is signed here")
    role, addresses = "authority", []
    if not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        client = "hq" if name.startswith(hq_name("")) else "box"
        role = "broker" if ExtendedKeyUsageOID.SERVER_AUTH in purposes else client
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        addresses = [str(other.value) for other in names][1:]
    return Issued(
        name=name,
        role=role,
        addresses=tuple(addresses),
        serial=f"{certificate.serial_number:x}",
        until=certificate.not_valid_after_utc,
        key_hash=key_hash(key),
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
        pem=certificate.public_bytes(serialization.Encoding.PEM),
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, until: datetime.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(VALID_FROM)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*granted: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in granted for usage in _USAGES})


def _general(name: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(name)) if is_ip(name) else x509.DNSName(name)


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _common_name(subject: x509.Name) -> str:
    (attribute,) = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(attribute.value)


def _kind(key: object) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"of the curve {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey")
