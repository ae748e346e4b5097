import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.stage.motion import Motion, Stand
from agent.stage.scene import Actor, Waypoint


def moving(*path: tuple[float, float, float], label: str = "car", heading_deg: float | None = None) -> Motion:
    points = tuple(Waypoint(t, (x, y)) for t, x, y in path)
    return Motion(Actor("a", label, "sedan", (0, 0, 0), (0, 0, 0), points, heading_deg))


def stand(motion: Motion, t_s: float) -> Stand:
    found = motion.at(t_s)
    assert found is not None
    return found


def test_a_stop_is_perfectly_still() -> None:
    motion = moving((0, -30, 2), (10, 0, 0), (40, 0, 0), (45, 30, 2))
    stays = [stand(motion, 10 + k * 0.1) for k in range(300)]
    assert {(one.x, one.y) for one in stays} == {(0.0, 0.0)}
    assert max(one.speed_mps for one in stays[1:-1]) == 0
    assert len({round(one.heading, 9) for one in stays}) == 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.5, 5), st.floats(-20, 20), st.floats(-20, 20)), min_size=2, max_size=6))
def test_a_path_meets_its_waypoints_and_never_overshoots(legs: list[tuple[float, float, float]]) -> None:
    path, t = [], 0.0
    for wait, x, y in legs:
        t += wait
        path.append((t, x, y))
    motion = moving(*path)
    for t, x, y in path:
        assert math.hypot(stand(motion, t).x - x, stand(motion, t).y - y) < 1e-6
    for (t0, x0, _), (t1, x1, _) in itertools.pairwise(path):
        for k in range(11):
            x = stand(motion, min(t1, t0 + (t1 - t0) * k / 10)).x  # rounding may reach past the last waypoint
            assert min(x0, x1) - 1e-6 <= x <= max(x0, x1) + 1e-6


@pytest.mark.parametrize("t_s", [-0.1, 5.1])
def test_nobody_is_there_before_the_first_or_after_the_last_waypoint(t_s: float) -> None:
    assert moving((0, 0, 0), (5, 10, 0)).at(t_s) is None


def test_a_vehicle_faces_where_it_goes() -> None:
    assert stand(moving((0, 0, 0), (5, 0, 30)), 4).heading == pytest.approx(math.pi / 2, abs=0.01)


def test_a_standing_vehicle_faces_where_it_is_told() -> None:
    assert stand(moving((0, 3, 3), (5, 3, 3), heading_deg=90), 2).heading == pytest.approx(0)


def test_a_car_that_pulls_out_of_a_stop_does_not_turn_on_the_spot() -> None:
    motion = moving((0, -10, 0), (5, 0, 0), (10, 0, 0), (13, 10, 6))
    turns = [stand(motion, 10 + k * 0.05).heading for k in range(20)]
    assert max(abs(b - a) for a, b in itertools.pairwise(turns)) < math.radians(6)


def test_the_way_gone_is_the_length_of_the_path() -> None:
    assert stand(moving((0, 0, 0), (10, 30, 40)), 10).travelled_m == pytest.approx(50, rel=0.01)
