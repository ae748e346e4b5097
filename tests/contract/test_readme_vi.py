"""The Vietnamese readme names only what is there, and promises no more than the box keeps."""

from __future__ import annotations

import re
from pathlib import Path

from agent.cli.commands import COMMANDS, build
from agent.evidence.settings import EvidenceSettings

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.vi.md").read_text("utf-8")


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)|src=\"([^\"]+)\"", TEXT)
    paths = [link or picture for link, picture in links]
    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_command_in_it_exists() -> None:
    named = re.findall(r"commune-agent ([a-z-]+)(?: ([a-z]+))?", TEXT)
    assert {command for command, _ in named} <= set(COMMANDS)
    for command, action in named:
        if action:
            assert action in build(command).format_help() + _actions(command)


def _actions(command: str) -> str:
    parser = build(command)._subparsers._group_actions[0].choices[command]  # type: ignore[union-attr, index]
    return str(parser.format_help())


def test_alerts_are_suspicions_and_pictures_are_as_small_as_it_says() -> None:
    assert "**Hộp chỉ báo nghi vấn. Cán bộ xem ảnh, xác minh rồi mới kết luận.**" in TEXT
    assert f"rộng nhất {EvidenceSettings.max_width_px} điểm ảnh" in TEXT
    assert "Người mà máy bỏ sót thì không được làm mờ" in TEXT
