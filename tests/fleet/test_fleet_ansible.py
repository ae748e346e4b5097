"""The roles, read without a machine: they lint, their options are all declared, and no secret is printed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ANSIBLE = ROOT / "ansible"
ROLES = sorted(path.name for path in (ANSIBLE / "roles").iterdir())
BIN = Path(sys.executable).parent


def tool(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1"}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_roles_the_house_names_are_there() -> None:
    assert ROLES == ["base", "hq_broker", "hq_receiver", "identity", "jetson", "release", "services"]


def test_everything_passes_the_production_profile() -> None:
    lint = tool(ANSIBLE, "ansible-lint", "--offline", "-q")
    assert lint.returncode == 0, lint.stdout + lint.stderr
    style = tool(ANSIBLE, "yamllint", ".")
    assert style.returncode == 0, style.stdout


def test_the_linter_would_find_a_shell_that_pipes_blindly(tmp_path: Path) -> None:
    shutil.copytree(ANSIBLE, tmp_path / "ansible")
    tasks = tmp_path / "ansible/roles/jetson/tasks/main.yml"
    tasks.write_text(tasks.read_text() + "\n- name: Blind\n  ansible.builtin.shell: cat /etc/hosts | wc\n")
    lint = tool(tmp_path / "ansible", "ansible-lint", "--offline", "-q")
    assert lint.returncode != 0
    assert "risky-shell-pipe" in lint.stdout


@pytest.mark.parametrize("play", ["site.yml", "hq.yml"])
def test_a_play_can_be_read(play: str) -> None:
    run = tool(ANSIBLE, "ansible-playbook", "-i", "localhost,", "--syntax-check", play)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("role", ROLES)
def test_every_default_of_a_role_is_declared_and_every_option_has_a_default_or_is_required(role: str) -> None:
    folder = ANSIBLE / "roles" / role
    specs = yaml.safe_load((folder / "meta/argument_specs.yml").read_text())["argument_specs"]
    defaults = set(yaml.safe_load((folder / "defaults/main.yml").read_text()))
    for entry, spec in specs.items():
        options = spec["options"]
        assert defaults == set(options), entry
        assert all(option["description"].endswith(".") for option in options.values()), entry
        assert all(name.startswith(f"{role}_") for name in options), entry


def tasks_of(path: Path) -> list[dict]:
    found = []
    for task in yaml.safe_load(path.read_text()) or []:
        inner = [part for key in ("block", "rescue", "always") for part in task.get(key, [])]
        found += inner or [task]
    return found


def test_no_task_that_touches_a_password_is_logged() -> None:
    loud = [
        task["name"]
        for path in sorted(ANSIBLE.glob("roles/*/tasks/*.yml"))
        for task in tasks_of(path)
        if (copy := task.get("ansible.builtin.copy")) and "/secrets/" in copy["dest"] and not task.get("no_log", False)
    ]
    assert loud == []


def test_private_keys_stay_where_they_were_made() -> None:
    for path in sorted(ANSIBLE.glob("roles/*/tasks/*.yml")):
        for task in tasks_of(path):
            for module in ("ansible.builtin.slurp", "ansible.builtin.fetch", "ansible.builtin.copy"):
                source = str((task.get(module) or {}).get("src", ""))
                assert ".key" not in source, f"{path.name}: {task['name']}"
