import sqlite3

import pytest
from support.store_world import World, sql, unset

from agent.store.sessions import FREE_FAILURES

IDLE_S, MAX_S = 600.0, 3600.0


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def desk(world):
    desk = world.desk()
    yield desk
    desk.close()


def test_disposition_is_an_event_of_the_desk(world, desk):
    desk.record(world.event("disposition", verdict="confirmed"))
    reader = world.reader("desk.db", "d")
    assert [row.kind for row in reader.newest("d", 5)] == ["disposition"]
    reader.close()


def test_audit_tells_who_did_what(world, desk):
    desk.audit("lan", "login", "10.0.0.5", world.clock.now())
    desk.audit("lan", "image.open", "ab" * 32, world.clock.now())
    newest, oldest = desk.audit_entries(10)
    assert (newest.actor, newest.action, newest.subject) == ("lan", "image.open", "ab" * 32)
    assert (oldest.action, oldest.utc_us, oldest.clock) == ("login", world.clock.now().utc_us, "synced")
    assert desk.broken_audit() is None


@pytest.mark.parametrize("meddling", ["UPDATE audit SET entry = x'00'", "DELETE FROM audit WHERE seq = 1"])
def test_audit_refuses_to_be_changed(world, desk, meddling):
    desk.audit("lan", "login", "", world.clock.now())
    with pytest.raises(sqlite3.IntegrityError, match="only grows"):
        sql(world.settings.desk_db, meddling)


@pytest.mark.parametrize(
    ("meddling", "first_broken"),
    [
        ("UPDATE audit SET entry = CAST('hoa' AS BLOB) WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq = 2", 3),
    ],
)
def test_audit_changed_by_force_is_noticed(world, desk, meddling, first_broken):
    for number in range(4):
        desk.audit("lan", "image.open", str(number), world.clock.now())
    sql(world.settings.desk_db, "DROP TRIGGER audit_no_update")
    sql(world.settings.desk_db, "DROP TRIGGER audit_no_delete")
    sql(world.settings.desk_db, meddling)
    assert desk.broken_audit() == first_broken


def test_session_slides_while_it_is_used_and_ends_at_its_longest(world, desk):
    token = desk.open_session("lan", world.clock.now(), IDLE_S, MAX_S)
    for _ in range(7):
        world.clock.sleep(500)
        assert desk.session_user(token, world.clock.now()) == "lan"
    world.clock.sleep(101)
    assert desk.session_user(token, world.clock.now()) is None


def test_idle_session_ends(world, desk):
    token = desk.open_session("lan", world.clock.now(), IDLE_S, MAX_S)
    world.clock.sleep(IDLE_S + 1)
    assert desk.session_user(token, world.clock.now()) is None


def test_token_is_kept_only_as_its_hash(world, desk):
    token = desk.open_session("lan", world.clock.now(), IDLE_S, MAX_S)
    files = [world.settings.desk_db, world.settings.desk_db.with_name("desk.db-wal")]
    assert not any(token.encode() in path.read_bytes() for path in files if path.exists())
    assert desk.session_user("x" + token, world.clock.now()) is None


def test_closed_session_is_over(world, desk):
    token = desk.open_session("lan", world.clock.now(), IDLE_S, MAX_S)
    other = desk.open_session("hoa", world.clock.now(), IDLE_S, MAX_S)
    desk.close_session(token)
    assert desk.session_user(token, world.clock.now()) is None
    assert desk.session_user(other, world.clock.now()) == "hoa"


def test_clock_step_logs_nobody_out(world, desk):
    token = desk.open_session("lan", world.clock.now(), IDLE_S, MAX_S)
    world.clock.step_wall(10**15)
    assert desk.session_user(token, world.clock.now()) == "lan"


@pytest.mark.parametrize(("off_s", "user"), [(60, "lan"), (IDLE_S + 60, None), (-60, None)])
def test_session_over_a_reboot_goes_by_the_wall_clock(world, desk, off_s, user):
    token = desk.open_session("lan", world.clock.now(), IDLE_S, MAX_S)
    world.clock.reboot(round(off_s * 1e6), "f" * 32)
    assert desk.session_user(token, world.clock.now()) == user


def test_session_carried_over_a_reboot_still_ends_at_its_longest(world, desk):
    token = desk.open_session("lan", world.clock.now(), IDLE_S, MAX_S)
    world.clock.reboot(60_000_000, "f" * 32)
    for _ in range(7):
        assert desk.session_user(token, world.clock.now()) == "lan"
        world.clock.sleep(500)
    world.clock.sleep(50)
    assert desk.session_user(token, world.clock.now()) is None


def test_session_over_a_reboot_without_a_clock_has_ended(world, desk):
    token = desk.open_session("lan", world.clock.now(), IDLE_S, MAX_S)
    world.clock.reboot(1, "f" * 32)
    unset(world)
    assert desk.session_user(token, world.clock.now()) is None


def test_expired_sessions_are_cleared_at_the_next_login(world, desk):
    desk.open_session("lan", world.clock.now(), IDLE_S, MAX_S)
    world.clock.sleep(MAX_S)
    desk.open_session("hoa", world.clock.now(), IDLE_S, MAX_S)
    assert sql(world.settings.desk_db, "SELECT user FROM sessions") == [("hoa",)]


def locked_for_s(desk, world):
    until_us = desk.locked_until("10.0.0.5", world.clock.now())
    return (until_us - world.clock.now().mono_us) / 1e6 if until_us else 0


def test_lock_out_grows_with_every_failure(world, desk):
    waits = []
    for _ in range(FREE_FAILURES + 8):
        desk.failed("10.0.0.5", world.clock.now())
        waits.append(locked_for_s(desk, world))
    assert waits == [0] * (FREE_FAILURES - 1) + [30, 60, 120, 240, 480, 900, 900, 900, 900]
    assert desk.locked_until("10.0.0.6", world.clock.now()) == 0


def test_lock_out_ends_by_itself_and_by_success(world, desk):
    for _ in range(FREE_FAILURES):
        desk.failed("10.0.0.5", world.clock.now())
    world.clock.sleep(29)
    assert locked_for_s(desk, world) == 1
    world.clock.sleep(2)
    assert locked_for_s(desk, world) == 0
    desk.failed("10.0.0.5", world.clock.now())
    assert locked_for_s(desk, world) == 60
    desk.succeeded("10.0.0.5")
    assert locked_for_s(desk, world) == 0


def test_reboot_does_not_lift_a_lock_out_before_its_time(world, desk):
    for _ in range(FREE_FAILURES):
        desk.failed("10.0.0.5", world.clock.now())
    unset(world)
    world.clock.reboot(0, "f" * 32)
    assert 28 <= locked_for_s(desk, world) <= 30
    world.clock.sleep(40)
    assert locked_for_s(desk, world) == 0
