"""Who goes first, how many pictures, when to try again: tables."""

from __future__ import annotations

import pytest

from agent.uplink.backoff import PROVEN_US, Backoff
from agent.uplink.flights import Flights
from agent.uplink.lanes import BACKLOG_FLIGHT_BYTES, BulkBudget, ImagePace, Load, Waiting, next_turn
from agent.uplink.quarantine import STRIKES, Quarantine
from agent.uplink.session import Outgoing
from agent.uplink.shelf import Parcel
from agent.uplink.window import LogKey

OLD, NEW = Waiting(old=True), Waiting(fresh=True)


@pytest.mark.parametrize(
    ("waiting", "lane", "fresh"),
    [
        ({"a": NEW, "d": NEW, "u": NEW, "w": NEW, "m": NEW}, "a", True),
        ({"a": OLD, "d": NEW, "u": NEW, "w": NEW, "m": NEW}, "a", False),
        ({"d": OLD, "u": NEW, "w": NEW, "m": NEW}, "d", False),
        ({"u": OLD, "w": NEW, "m": NEW}, "u", False),
        ({"w": OLD, "m": NEW}, "w", False),
        ({"m": OLD}, "m", False),
    ],
)
def test_urgent_goes_before_old_and_old_before_bulk(waiting: dict[str, Waiting], lane: str, fresh: bool) -> None:
    turn = next_turn(waiting, Load(), images_at_once=1)
    assert turn is not None
    assert (turn.lane, turn.fresh) == (lane, fresh)


@pytest.mark.parametrize(
    ("waiting", "load", "images"),
    [
        ({}, Load(), 1),
        ({"a": NEW}, Load(flight=20), 1),
        ({"a": NEW}, Load(rows=256), 1),
        ({"w": OLD, "m": OLD}, Load(rows=128), 1),
        ({"a": OLD, "m": OLD}, Load(flight_bytes=BACKLOG_FLIGHT_BYTES), 1),
        ({"m": OLD}, Load(flight_images=1), 1),
        ({"m": OLD}, Load(), 0),
        ({"m": OLD}, Load(size_bytes=200 * 1024), 1),
    ],
    ids=["nothing waits", "broker's limit", "window full", "no picture overtakes an event that has no room",
         "backlog in flight", "one picture in flight", "no pictures now", "no room for a picture"],
)  # fmt: skip
def test_nothing_goes(waiting: dict[str, Waiting], load: Load, images: int) -> None:
    assert next_turn(waiting, load, images) is None


def test_an_alert_goes_past_a_flight_full_of_backlog() -> None:
    assert next_turn({"a": NEW}, Load(flight_bytes=10 * BACKLOG_FLIGHT_BYTES), 1) is not None


def test_two_pictures_while_the_broker_is_quick_and_one_again_when_it_is_slow() -> None:
    pace = ImagePace()
    for _ in range(4):
        pace.took(100_000)
    assert pace.at_once == 1, "five must be known"
    pace.took(100_000)
    assert pace.at_once == 2
    for _ in range(2):
        pace.took(9_000_000)
    assert pace.at_once == 2, "two slow ones are not the median"
    pace.took(9_000_000)
    assert pace.at_once == 1


def test_the_band_between_quick_and_slow_changes_nothing() -> None:
    pace = ImagePace()
    for _ in range(5):
        pace.took(1_200_000)
    assert pace.at_once == 1


def test_a_budget_of_bits_is_kept_on_average_and_nought_means_none() -> None:
    budget = BulkBudget()
    assert budget.allows(0)
    budget.bps = 0
    assert not budget.allows(0)
    budget.bps = 80_000
    sent_bytes = 0
    for second in range(1, 101):
        while budget.allows(second * 1_000_000):
            budget.spend(20_000)
            sent_bytes += 20_000
    assert 900_000 <= sent_bytes <= 1_100_000


def test_backoff_is_spread_first_then_doubles_then_stays() -> None:
    backoff = Backoff(draw=lambda: 1.0)
    backoff.spread_s = 60.0
    assert [backoff.delay_s() for _ in range(9)] == [60, 2, 4, 8, 16, 32, 64, 120, 120]
    backoff.lasted(PROVEN_US - 1)
    assert backoff.delay_s() == 120
    backoff.lasted(PROVEN_US)
    assert backoff.delay_s() == 60


def test_backoff_draws_its_whole_range() -> None:
    draws = iter([0.0, 0.0, 0.5, 1.0])
    backoff = Backoff(draw=lambda: next(draws))
    assert [backoff.delay_s() for _ in range(4)] == [0, 0, 2, 8]


def test_only_three_strikes_alone_and_running_condemn_a_picture() -> None:
    quarantine = Quarantine()
    for _ in range(9):
        quarantine.strike(1, 5, alone=False)
    assert quarantine.suspected(1, 5)
    assert not quarantine.condemned(1, 5)
    for _ in range(STRIKES - 1):
        quarantine.strike(1, 5, alone=True)
    quarantine.cleared(1, 5)
    assert not quarantine.suspected(1, 5)
    for _ in range(STRIKES):
        quarantine.strike(1, 5, alone=True)
    assert quarantine.condemned(1, 5)
    assert not quarantine.suspected(1, 6)


def test_a_flight_is_alone_only_if_nothing_joined_it() -> None:
    flights = Flights()
    parcel = Parcel(LogKey("m", 1), {1: 10}, Outgoing("i", b"x" * 10), image=True)
    flights.start(1, parcel, 0)
    assert (len(flights), flights.images, flights.size_bytes) == (1, 1, 10)
    assert flights.end(1).alone
    flights.start(2, parcel, 0)
    flights.start(3, parcel, 0)
    assert [flight.alone for flight in flights.crash()] == [False, False]
    assert flights.end(2) is None
