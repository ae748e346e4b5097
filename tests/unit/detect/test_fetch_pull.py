"""Pull from licence to pin: what is asked, what is refused, and that nothing changes on a fault."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.cards import CARD
from support.https_server import HttpsServer
from support.onnx_maker import grid_model

from agent.detect.detector import open_detector
from agent.detect.fetch.lock import lock_path, read_lock
from agent.detect.fetch.pull import Pulled, Wanted, pull
from agent.detect.fetch.verify import verify
from agent.detect.settings import DetectSettings
from agent.errors import ConfigError, ModelError


@dataclass
class Someone:
    """A person with an answer to each question, in order; nothing else is agreed to."""

    answers: list[bool]
    lines: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)

    def told(self, line: str) -> None:
        self.lines.append(line)

    def agrees(self, question: str) -> bool:
        self.questions.append(question)
        return self.answers[len(self.questions) - 1]

    def moved(self, done: int, total: int | None) -> None:
        pass


@dataclass
class Site:
    """A models folder with a card whose model lies on a server.

    Attributes:
        server: it.
        folder: the models folder.
        model: the model's file, as the maker has it.
    """

    server: HttpsServer
    folder: Path
    model: Path

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.model.read_bytes()).hexdigest()

    def card(self, pin: str = "", path: str = "/street.onnx", licence: str = "Apache-2.0") -> None:
        lines = f'url = "{self.server.url(path)}"\n' + (f'sha256 = "{pin}"' if pin else "")
        text = CARD.format(pin=lines).replace('licence = "Apache-2.0"', f'licence = "{licence}"')
        (self.folder / "street.toml").write_text(text, "utf-8")

    def pull(self, *answers: bool, **words: object) -> tuple[Pulled, Someone]:
        someone = Someone(list(answers))
        return pull(Wanted("street", self.folder, **words), someone, someone), someone  # type: ignore[arg-type]

    def files(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*")} - {"street.toml"}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in ("tls", "models", "maker"):
        (tmp_path / name).mkdir()
    model = grid_model(tmp_path / "maker" / "street.onnx", (64, 64), 7, (8,))
    with HttpsServer(tmp_path / "tls") as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        made = Site(server, tmp_path / "models", model)
        server.put("/street.onnx", model.read_bytes())
        made.card()
        yield made


INSTALLED = {"street.onnx", "street.onnx.json", "models.lock.json"}


def test_the_first_pull_shows_licence_and_digest_and_pins_it(site: Site) -> None:
    pulled, someone = site.pull(True, True)
    assert (pulled.sha256, pulled.fresh) == (site.digest, True)
    assert site.files() == INSTALLED
    assert someone.questions == ["Take street under this licence?", "Trust it as street from now on?"]
    assert "licence: Apache-2.0" in someone.lines
    assert any(site.digest in line for line in someone.lines)
    pin = read_lock(site.folder)["street"]
    assert (pin.sha256, pin.size_bytes, pin.source) == (
        site.digest,
        site.model.stat().st_size,
        site.server.url("/street.onnx"),
    )
    assert open_detector(DetectSettings(card="street", models_dir=site.folder)).card.id == "street"


def test_what_a_card_pins_needs_no_trust_of_a_person(site: Site) -> None:
    site.card(pin=site.digest)
    _, someone = site.pull(True)
    assert someone.questions == ["Take street under this licence?"]
    assert site.files() == INSTALLED


def test_a_no_to_the_licence_asks_nothing_of_the_server(site: Site) -> None:
    with pytest.raises(ModelError, match="street: was not taken"):
        site.pull(False)
    assert (site.server.requests, site.files()) == ([], set())


def test_a_no_to_the_digest_leaves_nothing(site: Site) -> None:
    with pytest.raises(ModelError, match="was not trusted, and was not installed"):
        site.pull(True, False)
    assert site.files() == set()


@pytest.mark.parametrize("who", ["card", "person", "lock"])
def test_another_file_than_the_pinned_one_is_thrown_away(site: Site, who: str) -> None:
    words: dict[str, object] = {}
    if who == "card":
        site.card(pin="0" * 64)
    elif who == "person":
        words = {"digest": "0" * 64}
    else:
        site.pull(True, True)
        (site.folder / "street.onnx").unlink()
        site.server.put("/street.onnx", site.model.read_bytes() + b"\0")
    before = site.files()
    with pytest.raises(ModelError, match=r"is not what came: sha256 [0-9a-f]{64}, it must be [0-9a-f]{64}; noth"):
        site.pull(True, **words)
    assert site.files() == before


def test_a_newer_file_is_trusted_only_with_renew(site: Site) -> None:
    site.pull(True, True)
    newer = grid_model(site.model, (64, 64), 7, (8,), seed=5).read_bytes()
    site.server.put("/street.onnx", newer)
    pulled, _ = site.pull()
    assert pulled.fresh is False  # the pinned one is here: nobody is asked, nothing is fetched
    pulled, someone = site.pull(True, True, renew=True)
    assert len(someone.questions) == 2
    assert pulled.sha256 == site.digest == read_lock(site.folder)["street"].sha256
    assert (site.folder / "street.onnx").read_bytes() == newer


def test_pins_that_contradict_each_other_are_told_before_anything_is_fetched(site: Site) -> None:
    site.pull(True, True)
    asked = len(site.server.requests)
    with pytest.raises(ModelError, match=r"is pinned in two ways: the lock of this folder says .*; --renew forgets"):
        site.pull(True, digest="1" * 64)
    assert len(site.server.requests) == asked


def test_a_damaged_lock_is_not_taken_for_none(site: Site) -> None:
    lock_path(site.folder).write_text('{"format": 1, "models": {"street": {"sha256": ')
    with pytest.raises(ModelError, match=r"is no readable lock .* remove it to trust anew"):
        site.pull(True, True)
    lock_path(site.folder).write_text(json.dumps({"format": 9, "models": {}}))
    with pytest.raises(ModelError, match="has format 9; a newer version of this software wrote it"):
        site.pull(True, True)


def test_a_model_that_does_not_fit_its_card_is_not_installed_nor_pinned(site: Site) -> None:
    site.server.put("/street.onnx", grid_model(site.model, (64, 64), 9, (8,)).read_bytes())
    with pytest.raises(ModelError, match="name the card that belongs to this file"):
        site.pull(True, True)
    assert not site.files() & INSTALLED


def test_a_file_that_says_it_is_under_the_agpl_is_not_installed(site: Site) -> None:
    metadata = b"\x72\x13\x0a\x07license\x12\x08AGPL-3.0"  # ModelProto.metadata_props, as exporters write it
    site.server.put("/street.onnx", site.model.read_bytes() + metadata)
    with pytest.raises(ModelError, match="says of itself that it is under the AGPL"):
        site.pull(True, True)
    assert not site.files() & INSTALLED


def test_a_card_under_the_agpl_is_never_asked_for(site: Site) -> None:
    site.card(licence="AGPL-3.0")
    with pytest.raises(ModelError, match="is of a model under the AGPL"):
        site.pull(True, True)
    assert site.server.requests == []


def test_a_card_without_an_address_says_what_to_do(site: Site) -> None:
    (site.folder / "street.toml").write_text(CARD.format(pin=""), "utf-8")
    with pytest.raises(ModelError, match=r"has no address to fetch from; see its card .* pull --from DIR"):
        site.pull(True, True)


def stick(site: Site, name: str = "detectors/downloads/street.onnx") -> Path:
    folder = site.folder.parent / "stick"
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(site.model.read_bytes())
    return folder


def test_a_stick_is_looked_through_by_name(site: Site) -> None:
    pulled, someone = site.pull(True, True, folder=stick(site))
    assert pulled.sha256 == site.digest
    assert len(someone.questions) == 2
    assert site.files() == INSTALLED
    assert site.server.requests == []
    assert (site.folder.parent / "stick/detectors/downloads/street.onnx").exists()


def test_a_stick_is_looked_through_by_digest_whatever_the_name(site: Site) -> None:
    site.card(pin=site.digest)
    folder = stick(site, "a/b/c/renamed by windows (1).onnx")
    (folder / "street.onnx").write_bytes(b"another")
    assert site.pull(True, folder=folder)[0].sha256 == site.digest


def test_what_is_not_on_the_stick_is_told(site: Site) -> None:
    folder = stick(site, "other.onnx")
    with pytest.raises(ModelError, match=r"is not in .*/stick: there is no street\.onnx in it; copy"):
        site.pull(True, folder=folder)
    site.card(pin="0" * 64)
    with pytest.raises(
        ModelError, match=rf"none of 1 models there has sha256 {'0' * 64}; copy there what comes from https"
    ):
        site.pull(True, folder=folder)
    stick(site, "street.onnx")
    with pytest.raises(ModelError, match=r"street\.onnx has that name and is another file \(sha256 "):
        site.pull(True, folder=folder)
    with pytest.raises(ConfigError, match=r"--from: .* is no folder; is the stick mounted"):
        site.pull(True, folder=folder / "nowhere")
    assert site.files() == set()


def test_two_different_files_of_one_name_are_not_chosen_between(site: Site) -> None:
    folder = stick(site, "new/street.onnx")
    (folder / "old").mkdir()
    (folder / "old/street.onnx").write_bytes(b"\x08\x08")
    with pytest.raises(ModelError, match=r"cannot be told apart in .* differ; leave one there"):
        site.pull(True, True, folder=folder)


def test_links_and_hidden_folders_on_a_stick_are_passed_over(site: Site) -> None:
    folder = stick(site, ".Trash-1000/street.onnx")
    (folder / "street.onnx").symlink_to("/etc/passwd")
    with pytest.raises(ModelError, match=r"there is no street\.onnx in it"):
        site.pull(True, folder=folder)


def states(site: Site) -> dict[str, str]:
    return {each.card or each.path.name: each.state for each in verify(site.folder)}


def test_verify_tells_whole_changed_gone_other_and_strange(site: Site) -> None:
    assert states(site) == {"demo": "whole"}
    site.pull(True, True)
    model = site.folder / "street.onnx"
    assert states(site) == {"demo": "whole", "street": "whole"}
    good = model.read_bytes()
    model.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    (row,) = (each for each in verify(site.folder) if each.card == "street")
    assert (row.state, site.digest in row.told) == ("broken", True)
    model.unlink()
    (row,) = (each for each in verify(site.folder) if each.card == "street")
    assert (row.state, "is gone; pull it again" in row.told) == ("broken", True)
    model.write_bytes(good)
    receipt = site.folder / "street.onnx.json"
    text = receipt.read_text()
    receipt.write_text("{")
    assert states(site)["street"] == "broken"
    receipt.unlink()
    assert states(site)["street"] == "whole"  # the lock still knows it
    lock_path(site.folder).unlink()
    assert states(site)["street"] == "unknown"
    receipt.write_text(text)
    site.card(pin="0" * 64)
    assert states(site)["street"] == "other"
    (site.folder / "strange.onnx").write_bytes(b"\x08\x08")
    assert states(site)["strange.onnx"] == "unknown"


def test_a_baked_model_comes_from_a_stick_with_its_card(site: Site, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the package onnx is not here: nothing can be baked")
    from support.bakery import baked, shop

    folder = tmp_path / "stick" / "models"
    folder.mkdir(parents=True)
    shop(folder)
    made = baked(folder)
    someone = Someone([True, True])
    pulled = pull(Wanted("street-baked", site.folder, tmp_path / "stick"), someone, someone)
    assert (pulled.card, pulled.sha256) == (made.card, made.card.sha256)
    assert someone.questions == ["Take street-baked under this licence?"]  # its card pins it
    assert {"street-baked.onnx", "street-baked.toml", "street-baked.onnx.json"} < site.files()
    newer = baked(folder, keep=7)
    with pytest.raises(ModelError, match=r"is pinned in two ways: its card says .*; --renew forgets"):
        pull(Wanted("street-baked", site.folder, tmp_path / "stick"), someone, someone)
    someone = Someone([True, True])
    renewed = pull(Wanted("street-baked", site.folder, tmp_path / "stick", renew=True), someone, someone)
    assert renewed.sha256 == newer.card.sha256 != made.card.sha256
    assert {"street-baked": "whole"}.items() <= states(site).items()
