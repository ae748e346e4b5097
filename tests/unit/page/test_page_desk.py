"""What the page records: who looked, who logged in, who guessed; and what it does while it cannot record."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.store_world import World

from agent.errors import StoreDamaged, StoreError
from agent.page.desk import Desk
from agent.page.settings import PageSettings

SETTINGS = PageSettings("127.0.0.1", 0, None, (), "vi", "box-7", "Chợ", "xa", (), "Asia/Ho_Chi_Minh", (), 600, 7200)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def desk(world: World):
    desk = Desk(SETTINGS, world.settings, world.clock)
    yield desk
    desk.close()


def audit(world: World, desk: Desk) -> list[tuple[str, str, str]]:
    desk.close()
    with_store = world.desk()
    try:
        return [(entry.actor, entry.action, entry.subject) for entry in reversed(with_store.audit_entries(100))]
    finally:
        with_store.close()


def test_a_look_is_recorded_once_an_hour_for_each_person_and_picture(world: World, desk: Desk):
    for user, subject in [
        ("an", "picture 1"),
        ("an", "picture 1"),
        ("lan", "picture 1"),
        ("an", "picture 2"),
        (None, "x"),
    ]:
        desk.opened(user, subject)
    world.clock.sleep(3601)
    desk.opened("an", "picture 1")
    assert audit(world, desk) == [
        ("an", "picture.opened", "picture 1"),
        ("lan", "picture.opened", "picture 1"),
        ("an", "picture.opened", "picture 2"),
        ("local", "picture.opened", "x"),
        ("an", "picture.opened", "picture 1"),
    ]


def test_a_session_is_opened_recorded_and_ended(world: World, desk: Desk):
    token = desk.begin_session("an", "10.0.0.9")
    assert desk.session_user(token, active=True) == "an"
    desk.end_session(token, "an")
    assert desk.session_user(token, active=True) is None
    assert audit(world, desk) == [("an", "login.ok", "10.0.0.9"), ("an", "logout", "")]


@pytest.mark.parametrize(("active", "user"), [(True, "an"), (False, None)])
def test_only_a_persons_doing_keeps_a_session_alive(world: World, desk: Desk, active: bool, user: str | None):
    token = desk.begin_session("an", "10.0.0.9")
    for _ in range(7):
        world.clock.sleep(100)
        desk.session_user(token, active=active)
    assert desk.session_user(token, active=False) == user


@pytest.mark.parametrize(
    ("user", "address", "locked"),
    [
        ("truc", "10.0.0.77", True),  # the same name from elsewhere
        ("an", "10.0.0.9", True),  # another name from the same place
        ("an", "::ffff:10.0.0.9", True),  # the same place, written as IPv6
        ("an", "10.0.0.77", False),
    ],
)
def test_five_failures_lock_the_name_and_the_address(desk: Desk, user: str, address: str, locked: bool):
    for _ in range(4):
        desk.failed("truc", "10.0.0.9")
    assert desk.wait_s("truc", "10.0.0.9") == 0
    desk.failed("truc", "10.0.0.9")
    assert (desk.wait_s(user, address) > 0) is locked


def test_one_machine_cannot_walk_through_its_ipv6_network(desk: Desk):
    for host in range(5):
        desk.failed(f"u{host}", f"fd00:1:2:3::{host:x}")
    assert desk.wait_s("truc", "fd00:1:2:3:ffff::1") > 0
    assert desk.wait_s("truc", "fd00:1:2:4::1") == 0


def test_the_right_password_clears_both_counts(world: World, desk: Desk):
    for _ in range(5):
        desk.failed("an", "10.0.0.9")
    world.clock.sleep(31)
    assert desk.wait_s("an", "10.0.0.9") == 0
    desk.begin_session("an", "10.0.0.9")
    desk.failed("an", "10.0.0.9")
    assert desk.wait_s("an", "10.0.0.9") == 0


def test_a_very_long_name_is_counted_without_being_kept(world: World, desk: Desk):
    desk.failed("x" * 8000, "10.0.0.9")
    assert (world.settings.desk_db.stat().st_size) < 1_000_000
    assert desk.wait_s("x" * 8000, "10.0.0.9") == 0


def test_without_a_store_the_box_itself_is_shown_and_strangers_are_not(tmp_path: Path):
    world = World(tmp_path)
    world.settings.desk_db.unlink()
    desk = Desk(SETTINGS, world.settings, world.clock)
    desk.opened(None, "picture 1")
    with pytest.raises(StoreError, match="commune-agent migrate"):
        desk.opened("an", "picture 1")
    with pytest.raises(StoreError):
        desk.begin_session("an", "10.0.0.9")
    world.migrate()
    with pytest.raises(StoreError):  # not tried again at once
        desk.opened("an", "picture 1")
    world.clock.sleep(5.1)
    desk.opened("an", "picture 1")
    desk.close()


def test_without_its_key_the_desk_says_what_to_do(tmp_path: Path):
    world = World(tmp_path)
    (world.settings.keys_dir / "page.key").unlink()
    with pytest.raises(StoreError, match="commune-agent migrate"):
        Desk(SETTINGS, world.settings, world.clock).note("an", "login.failed", "10.0.0.9")


def test_a_damaged_log_is_let_go_so_that_migrate_can_mend_it(world: World, desk: Desk):
    desk.note("an", "login.failed", "10.0.0.9")
    with world.settings.desk_db.open("r+b") as file:  # in place, under the open connection
        file.write(b"\x5a" * world.settings.desk_db.stat().st_size)
    for wal in world.settings.state_dir.glob("desk.db-*"):
        wal.write_bytes(b"\x5a" * wal.stat().st_size)
    with pytest.raises(StoreDamaged):
        desk.note("an", "login.failed", "10.0.0.9")
    world.migrate()
    world.clock.sleep(5.1)
    desk.note("an", "login.failed", "10.0.0.9")
