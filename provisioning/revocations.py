"""The list of certificates that are taken back (RFC 5280 section 5), as the broker reads it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent.errors import ConfigError
from provisioning.certificates import PrivateKey

BACK_DATED = datetime.timedelta(days=1)
"""A broker whose clock is behind the laptop's would call a list of today not yet valid, and refuse every box."""


@dataclass(frozen=True)
class RevocationList:
    """A list as it was signed.

    Attributes:
        number: grows with every list.
        made: from when it counts.
        until: when a broker refuses everybody for want of a newer one.
        serials: hex digits of every certificate that is taken back.
    """

    number: int
    made: datetime.datetime
    until: datetime.datetime
    serials: frozenset[str]


def sign_list(
    key: PrivateKey, authority: x509.Certificate, listed: RevocationList, revoked_at: Mapping[str, datetime.datetime]
) -> bytes:
    """Write a list; ``revoked_at`` has the instant of every serial that it names."""
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(listed.made)
        .next_update(listed.until)
        .add_extension(x509.CRLNumber(listed.number), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    for serial in sorted(listed.serials):
        entry = x509.RevokedCertificateBuilder().serial_number(int(serial, 16))
        builder = builder.add_revoked_certificate(entry.revocation_date(revoked_at[serial]).build())
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def read_list(pem: bytes, source: str, remedy: str) -> RevocationList:
    """Read a list from the file ``source``.

    Raises:
        ConfigError: it is none.
    """
    try:
        listed = x509.load_pem_x509_crl(pem)
        number = listed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        until = listed.next_update_utc
        if until is None:
            raise ValueError("no end")
        serials = frozenset(f"{entry.serial_number:x}" for entry in listed)
        return RevocationList(number, listed.last_update_utc, until, serials)
    except (ValueError, TypeError, x509.ExtensionNotFound) as error:
        raise ConfigError(source, f"holds no revocation list that can be read; {remedy}") from error


def is_signed_by(pem: bytes, authority: bytes) -> bool:
    """Tell whether the list ``pem`` is of the authority whose certificate (PEM) is given."""
    key = x509.load_pem_x509_certificate(authority).public_key()
    try:
        return isinstance(key, ec.EllipticCurvePublicKey) and x509.load_pem_x509_crl(pem).is_signature_valid(key)
    except (ValueError, TypeError):
        return False
