"""An authority signs what it was asked to and nothing else; its revocation list says exactly what was taken back."""

from __future__ import annotations

import json
import shutil
import stat
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from support.signing import AREA, Desk, openssl

from agent.clock import Moment, SimulatedClock
from agent.errors import ConfigError
from agent.keys import load_signer, verify
from provisioning.authority import Wish, held
from provisioning.certificates import new_key, read_request
from provisioning.founding import found
from provisioning.office import take_inventory

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def request_of(key: object, name: str = "gate-01") -> bytes:
    """A request as any other software would make it."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, digest)  # type: ignore[arg-type]
    return request.public_bytes(serialization.Encoding.PEM)


# A new authority ------------------------------------------------------------------------------------------------------


def test_an_authority_is_for_its_owner_alone(desk: Desk) -> None:
    assert stat.S_IMODE(desk.folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in desk.folder.iterdir()}
    assert modes == {
        "ca.key": 0o600, "ca.pem": 0o644, "crl.pem": 0o644, "command.key": 0o600, "command.pub": 0o644,
        "authority.json": 0o600, "issued": 0o700,
    }  # fmt: skip
    assert list(desk.folder.parent.iterdir()) == [desk.folder], "something is left of the making"


def test_the_command_key_is_what_its_public_half_proves(desk: Desk) -> None:
    public = (desk.folder / "command.pub").read_text("ascii")
    assert len(public) == 65
    signature = load_signer(desk.folder / "command.key")(b"restart")
    assert verify(bytes.fromhex(public), b"restart", signature)


@needs_openssl
def test_the_authority_signs_machines_and_no_further_authority(desk: Desk) -> None:
    ca = x509.load_pem_x509_certificate((desk.folder / "ca.pem").read_bytes())
    constraint = ca.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraint.critical, constraint.value.ca, constraint.value.path_length) == (True, True, 0)
    usage = ca.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert usage.value.crl_sign
    assert not usage.value.digital_signature
    assert openssl("verify", "-x509_strict", "-CAfile", desk.folder / "ca.pem", desk.folder / "ca.pem").returncode == 0


def test_an_authority_is_never_made_over_another(desk: Desk) -> None:
    before = (desk.folder / "ca.key").read_bytes()
    with pytest.raises(ConfigError, match="holds an authority already"):
        found(desk.folder, AREA, "another", desk.clock)
    assert (desk.folder / "ca.key").read_bytes() == before


class Starter(SimulatedClock):
    """Lets everybody who asks for the time go on at once."""

    def __init__(self, parties: int) -> None:
        super().__init__()
        self._barrier = threading.Barrier(parties, timeout=30)

    def now(self) -> Moment:
        self._barrier.wait()
        return super().now()


def test_of_many_who_make_one_authority_at_once_one_wins_and_it_is_whole(tmp_path: Path) -> None:
    def make(folder: Path, clock: Starter) -> str:
        try:
            return found(folder, AREA, "CA", clock).fingerprint
        except ConfigError:
            return ""

    for number in range(5):
        folder, clock = tmp_path / str(number) / "authority", Starter(4)
        with ThreadPoolExecutor(4) as makers:
            prints = [made.result() for made in [makers.submit(make, folder, clock) for _ in range(4)]]
        (winner,) = filter(None, prints)
        assert take_inventory(folder, SimulatedClock()).own.fingerprint == winner
        with held(folder, SimulatedClock()) as authority:
            authority.write_list(400)
        assert list(folder.parent.iterdir()) == [folder]


def test_a_folder_in_use_is_not_taken_for_an_authority(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").touch()
    for place in (tmp_path / "photos", tmp_path / "photos" / "1.jpg", tmp_path / "photos" / "1.jpg" / "authority"):
        with pytest.raises(ConfigError):
            found(place, AREA, "CA", SimulatedClock())
    assert [path.name for path in tmp_path.rglob("*")] == ["photos", "1.jpg"]


@pytest.mark.parametrize("area", ["", "Demo", "xã", "a b", "x" * 33, "a/b", "a+", "demo\n"])
def test_an_area_that_no_topic_could_carry_is_refused(area: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no area id"):
        found(tmp_path / "authority", area, "CA", SimulatedClock())
    assert not (tmp_path / "authority").exists()


@pytest.mark.parametrize("name", ["", "x" * 65, "ế" * 22, "two\nlines"])
def test_an_authoritys_name_that_no_certificate_could_carry_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must be one line of 1 to 64 bytes"):
        found(tmp_path / "authority", AREA, name, SimulatedClock())


# What a certificate says ----------------------------------------------------------------------------------------------


@needs_openssl
@pytest.mark.parametrize(
    ("name", "role", "purpose", "other"),
    [
        ("gate-01", "box", "sslclient", "sslserver"),
        ("hq-demo", "hq", "sslclient", "sslserver"),
        ("hq.example.vn", "broker", "sslserver", "sslclient"),
    ],
)
def test_a_certificate_is_good_for_its_role_alone(desk: Desk, name: str, role: str, purpose: str, other: str) -> None:
    issued = desk.sign(name, role=role).issued
    path = desk.folder / "issued" / f"{name}-{issued.serial}.pem"
    ca, crl = desk.folder / "ca.pem", desk.folder / "crl.pem"
    strict = ["verify", "-x509_strict", "-crl_check", "-CAfile", ca, "-CRLfile", crl]
    now = str(desk.clock.now().utc_us // 1_000_000)
    good = openssl(*strict, "-attime", now, "-purpose", purpose, path)
    assert good.returncode == 0, good.stderr
    bad = openssl(*strict, "-attime", now, "-purpose", other, path)
    assert bad.returncode != 0
    assert "error 26 at 0 depth" in bad.stderr  # invalid purpose, which versions put into different words


def test_a_certificate_names_the_machine_and_its_addresses(desk: Desk) -> None:
    addresses = ("10.0.0.5", "hq.example.vn", "fd00::5", "broker.lan", "10.0.0.5")
    issued = desk.sign("hq.example.vn", role="broker", addresses=addresses).issued
    certificate = x509.load_pem_x509_certificate(issued.pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["hq.example.vn", "broker.lan"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.5", "fd00::5"]
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.SERVER_AUTH]
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@needs_openssl
@pytest.mark.parametrize("year", [2016, 2020, 2024])
def test_a_box_that_has_lost_its_clock_still_trusts_the_broker(desk: Desk, year: int) -> None:
    issued = desk.sign("hq.example.vn", role="broker").issued
    path = desk.folder / "issued" / f"hq.example.vn-{issued.serial}.pem"
    then = str((year - 1970) * 31_557_600 + 86_400)
    told = openssl("verify", "-x509_strict", "-attime", then, "-CAfile", desk.folder / "ca.pem", path)
    assert told.returncode == 0, told.stderr


def test_a_certificate_lasts_as_long_as_was_asked(desk: Desk) -> None:
    now_s = desk.clock.now().utc_us // 1_000_000
    assert (desk.sign("gate-01").issued.until.timestamp() - now_s) / 86_400 == 800
    assert (desk.sign("gate-02", days=30).issued.until.timestamp() - now_s) / 86_400 == 30


# The same again -------------------------------------------------------------------------------------------------------


def test_the_same_wish_gives_the_same_certificate(desk: Desk) -> None:
    key = new_key()
    first = desk.sign("gate-01", key)
    desk.wait(days=500)
    again = desk.sign("gate-01", key, days=30)
    assert (first.fresh, again.fresh) == (True, False)
    assert again.issued == first.issued
    assert len(list((desk.folder / "issued").iterdir())) == 1


def test_in_its_last_third_a_certificate_is_renewed_once(desk: Desk) -> None:
    key = new_key()
    first = desk.sign("gate-01", key).issued
    desk.wait(days=540)
    renewed = desk.sign("gate-01", key)
    assert renewed.fresh
    assert renewed.issued.until > first.until
    assert desk.sign("gate-01", key).issued == renewed.issued


def test_other_addresses_are_another_certificate(desk: Desk) -> None:
    key = new_key()
    first = desk.sign("hq.example.vn", key, "broker", addresses=("10.0.0.5", "10.0.0.6"))
    same = desk.sign("hq.example.vn", key, "broker", addresses=("10.0.0.6", "10.0.0.5", "hq.example.vn"))
    other = desk.sign("hq.example.vn", key, "broker", addresses=("10.0.0.7",))
    assert same.issued == first.issued
    assert other.fresh


def test_an_expired_certificate_is_not_given_again(desk: Desk) -> None:
    key = new_key()
    desk.sign("gate-01", key, days=10)
    desk.wait(days=11)
    assert desk.sign("gate-01", key).fresh


def test_what_was_cut_short_before_the_certificate_was_written_counts_for_nothing(desk: Desk) -> None:
    key = new_key()
    lost = desk.sign("gate-01", key).issued
    (desk.folder / "issued" / f"gate-01-{lost.serial}.pem").unlink()
    assert desk.sign("gate-01", key).fresh
    assert [entry.issued.name for entry in desk.look().entries] == ["gate-01"]


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "role", "wish", "problem"),
    [
        ("hq", "box", {}, "is reserved for HQ"),
        ("hq-demo", "box", {}, "is reserved for HQ"),
        ("Gate", "box", {}, "is no box id"),
        ("gate/#", "box", {}, "is no box id"),
        ("gate-01\n", "box", {}, "is no box id"),
        ("x" * 33, "box", {}, "is no box id"),
        ("hq-other", "hq", {}, "is called hq-demo, not 'hq-other'"),
        ("gate-01", "hq", {}, "is called hq-demo"),
        ("10.0.0.5", "broker", {}, "is no host name"),
        ("*.example.vn", "broker", {}, "is no host name"),
        ("-a.vn", "broker", {}, "is no host name"),
        ("HQ.example.vn", "broker", {}, "is no host name"),
        ("hq.vn", "broker", {"addresses": ("10.0.0.5:8883",)}, "is no host name"),
        ("hq.vn", "broker", {"addresses": ("fe80::1%eth0",)}, "is no host name"),
        ("gate-01", "box", {"addresses": ("10.0.0.5",)}, "is for a broker"),
        ("gate-01", "box", {"days": 0}, "must be 1 to"),
        ("gate-01", "box", {"days": 10**9}, "must be 1 to"),
    ],
)
def test_a_wish_that_may_not_be_granted_is_refused(
    desk: Desk, name: str, role: str, wish: dict[str, object], problem: str
) -> None:
    with pytest.raises(ConfigError, match=r"^[^\n]*$") as told:
        desk.sign(name, role=role, **wish)
    assert problem in str(told.value)
    assert desk.look().entries == ()


def test_no_certificate_outlives_its_authority(desk: Desk) -> None:
    desk.wait(days=19 * 365)
    with pytest.raises(ConfigError, match="longer than the authority lives; give at most 365"):
        desk.sign("gate-01")
    assert desk.sign("gate-01", days=365).fresh


def test_a_request_of_another_name_is_refused(desk: Desk) -> None:
    request = read_request(request_of(new_key(), "gate-02"), "x.csr")
    with (
        pytest.raises(ConfigError, match="the request is of 'gate-02', not 'gate-01'"),
        held(desk.folder, desk.clock) as authority,
    ):
        authority.sign(request, Wish("gate-01", "box"))


@pytest.mark.parametrize(
    ("pem", "problem"),
    [
        (b"", "holds no certificate request"),
        (b"\xff\x00 garbage", "holds no certificate request"),
        (b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "holds no certificate req"),
        (request_of(rsa.generate_private_key(65537, 2048)), "its key is RSA 2048, only P-256 is signed"),
        (request_of(ec.generate_private_key(ec.SECP384R1())), "its key is of the curve secp384r1, only P-256"),
        (request_of(ed25519.Ed25519PrivateKey.generate()), "its key is Ed25519, only P-256"),
        (b"-----BEGIN " + b"EC PRIVATE KEY-----\nAAAA\n", "holds a private key, which never leaves its machine"),
    ],
)
def test_a_request_that_cannot_be_signed_says_why(pem: bytes, problem: str) -> None:
    with pytest.raises(ConfigError, match=r"^box\.csr: [^\n]*$") as told:
        read_request(pem, "box.csr")
    assert problem in str(told.value)


def test_a_request_that_was_changed_on_the_way_is_refused() -> None:
    der = x509.load_pem_x509_csr(request_of(new_key())).public_bytes(serialization.Encoding.DER)
    forged = x509.load_der_x509_csr(der.replace(b"gate-01", b"gate-02"))
    with pytest.raises(ConfigError, match="its signature is not of its own key"):
        read_request(forged.public_bytes(serialization.Encoding.PEM), "box.csr")


def test_a_key_that_is_another_machines_is_refused(desk: Desk) -> None:
    key = new_key()
    desk.sign("gate-01", key)
    with pytest.raises(ConfigError, match=r"its key is that of box gate-01: was a disk copied.*make a new key"):
        desk.sign("gate-02", key)


def test_a_name_has_one_role(desk: Desk) -> None:
    desk.sign("gate-01")
    with pytest.raises(ConfigError, match="is the name of a box already"):
        desk.sign("gate-01", role="broker")


def test_a_clock_that_was_never_set_signs_nothing(desk: Desk) -> None:
    desk.clock.step_wall(-6 * 365 * 86_400_000_000)
    for act in (lambda: desk.sign("gate-01"), lambda: desk.renew_list(400), desk.look):
        with pytest.raises(ConfigError, match=r"clock: this machine believes that it is 2020-.*set its clock"):
            act()


@pytest.mark.parametrize("name", ["ca.key", "ca.pem", "authority.json"])
@pytest.mark.parametrize("content", [None, b"", b"garbage", b"{}"])
def test_a_damaged_authority_is_one_line_that_names_the_file(desk: Desk, name: str, content: bytes | None) -> None:
    (desk.folder / name).unlink()
    if content is not None:
        (desk.folder / name).write_bytes(content)
        (desk.folder / name).chmod(0o600)
    with pytest.raises(ConfigError, match=r"^[^\n]*$") as told:
        desk.sign("gate-01")
    assert str(desk.folder) in str(told.value)
    assert "; " in str(told.value), "no remedy"


def test_a_damaged_certificate_among_the_issued_is_named(desk: Desk) -> None:
    issued = desk.sign("gate-01").issued
    path = desk.folder / "issued" / f"gate-01-{issued.serial}.pem"
    path.write_bytes(issued.pem[:200])
    for act in (lambda: desk.sign("gate-02"), lambda: desk.revoke("gate-01"), desk.look):
        with pytest.raises(ConfigError, match=f"{path}: holds no certificate that can be read; restore"):
            act()


def test_another_authoritys_certificate_beside_the_key_is_noticed(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Desk(tmp_path / "other")
    shutil.copy(other.folder / "ca.pem", desk.folder / "ca.pem")
    with pytest.raises(ConfigError, match="is not of the key beside it"):
        desk.sign("gate-01")


def test_a_key_that_others_may_read_is_not_used(desk: Desk) -> None:
    (desk.folder / "ca.key").chmod(0o644)
    with pytest.raises(ConfigError, match=r"others may read it; run: chmod 600 .*ca\.key"):
        desk.sign("gate-01")


# Taking back ----------------------------------------------------------------------------------------------------------


@needs_openssl
def test_revoking_takes_back_everything_of_a_name(desk: Desk) -> None:
    key = new_key()
    serials = {desk.sign("gate-01", key).issued.serial}
    desk.wait(days=540)
    serials |= {desk.sign("gate-01", key).issued.serial, desk.sign("gate-01").issued.serial}
    kept = desk.sign("gate-02").issued.serial
    assert {one.serial for one in desk.revoke("gate-01")} == serials
    assert desk.listed() == serials
    assert {entry.issued.serial for entry in desk.look().entries if entry.state != "revoked"} == {kept}
    assert desk.revoke("gate-01") == [], "revoked twice"


def test_a_revoked_key_is_never_signed_again_but_a_new_one_is_and_says_so(desk: Desk) -> None:
    key = new_key()
    desk.sign("gate-01", key)
    desk.revoke("gate-01")
    with pytest.raises(ConfigError, match=r"its key was revoked on .* and is never signed again; make a new key"):
        desk.sign("gate-01", key)
    (remark,) = desk.sign("gate-01").remarks
    assert "gate-01 was revoked on 20" in remark
    assert "another key, so it is signed" in remark


@needs_openssl
def test_a_second_key_of_a_name_is_told_with_the_way_to_take_back_the_first(desk: Desk) -> None:
    first = desk.sign("gate-01").issued
    second = desk.sign("gate-01")
    (remark,) = second.remarks
    assert f"ca revoke {desk.folder} gate-01 --serial {first.serial}" in remark
    desk.revoke("gate-01", first.serial)
    assert desk.listed() == {first.serial}


@pytest.mark.parametrize(
    ("name", "serial", "problem"),
    [("gate-10", "", "did you mean gate-01?"), ("gate-01", "12ab", "12ab is none of gate-01; there are: ")],
)
def test_revoking_what_was_never_signed_is_refused(desk: Desk, name: str, serial: str, problem: str) -> None:
    desk.sign("gate-01")
    with pytest.raises(ConfigError, match=r"^[^\n]*$") as told:
        desk.revoke(name, serial)
    assert problem in str(told.value)
    assert all(entry.state == "valid" for entry in desk.look().entries)


def test_a_serial_is_taken_as_openssl_writes_it(desk: Desk) -> None:
    serial = desk.sign("gate-01").issued.serial.upper()
    padded = serial.zfill(len(serial) + len(serial) % 2)
    assert len(desk.revoke("gate-01", ":".join(padded[n : n + 2] for n in range(0, len(padded), 2)))) == 1


@needs_openssl
@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(["sign", "revoke", "cut", "renew"]), st.integers(0, 2)), max_size=12))
def test_in_any_order_the_list_has_exactly_what_was_taken_back(acts: list[tuple[str, int]]) -> None:
    """``cut``: power fails after the ledger was written and before the list was; the next command finishes it."""
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        given_out: dict[str, set[str]] = {}
        taken: set[str] = set()
        for act, number in acts:
            name = f"gate-{number}"
            desk.wait(days=1)
            if act == "sign":
                given_out.setdefault(name, set()).add(desk.sign(name).issued.serial)
            elif act == "renew":
                desk.renew_list(30)
            elif name in given_out:
                before = (desk.folder / "crl.pem").read_bytes()
                desk.revoke(name)
                taken |= given_out[name]
                if act == "cut":
                    (desk.folder / "crl.pem").write_bytes(before)
                    desk.sign("next")
            assert desk.listed() == taken
        assert {entry.issued.serial for entry in desk.look().entries if entry.state == "revoked"} == taken
        assert not any("does not list" in warning for warning in desk.look().warnings)


# What ends soon -------------------------------------------------------------------------------------------------------


def test_every_command_that_changes_something_renews_a_list_that_ends_soon(desk: Desk) -> None:
    before = desk.look().listed
    assert before is not None
    desk.wait(days=260)
    desk.sign("gate-01")
    assert desk.look().listed == before, "renewed too early: every change must be carried to HQ"
    desk.wait(days=10)
    desk.sign("gate-02")
    after = desk.look().listed
    assert after is not None
    assert after.until > before.until


def test_a_list_that_is_gone_or_broken_is_written_anew(desk: Desk) -> None:
    desk.sign("gate-01")
    serial = desk.revoke("gate-01")[0].serial
    for content in (None, b"broken"):
        (desk.folder / "crl.pem").unlink()
        if content:
            (desk.folder / "crl.pem").write_bytes(content)
        assert "write it anew: commune-agent ca crl" in desk.look().warnings[0]
        desk.sign("gate-02")
        listed = desk.look().listed
        assert listed is not None
        assert listed.serials == {serial}


@pytest.mark.parametrize(
    ("days", "warnings"),
    [
        (260, []),
        (270, ["crl.pem ends in 130 days, and then the broker refuses every box"]),
        (401, ["a broker that has it refuses every box"]),
        (540, ["refuses every box", "box gate-01: its certificate ends in 260 days"]),
        (801, ["refuses every box", "box gate-01: its certificate ended on "]),
    ],
)
def test_the_last_third_of_a_life_is_warned_of(desk: Desk, days: int, warnings: list[str]) -> None:
    desk.sign("gate-01")
    desk.wait(days)
    told = desk.look().warnings
    assert len(told) == len(warnings), told
    assert all(part in line for part, line in zip(warnings, told, strict=True))


def test_a_certificate_that_was_renewed_or_taken_back_is_not_warned_of(desk: Desk) -> None:
    key = new_key()
    desk.sign("gate-01", key)
    desk.sign("gate-02")
    desk.revoke("gate-02")
    desk.wait(days=540)
    desk.sign("gate-01", key)
    assert desk.look().warnings == ()
    desk.wait(days=300)
    assert [warning for warning in desk.look().warnings if "gate-" in warning] == []


def test_a_ledger_of_another_version_is_left_alone(desk: Desk) -> None:
    path = desk.folder / "authority.json"
    fields = json.loads(path.read_text("utf-8")) | {"version": 2}
    path.write_text(json.dumps(fields), "utf-8")
    with pytest.raises(ConfigError, match="written by another version of this program"):
        desk.sign("gate-01")
    assert json.loads(path.read_text("utf-8")) == fields
