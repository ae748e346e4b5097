import numpy as np
from numpy.typing import NDArray

from agent.stage.lens import Lens
from agent.stage.order import far_to_near
from agent.stage.scene import Pose


def block(x: float, y: float, w: float, d: float) -> NDArray[np.float64]:
    return np.array([[x - w, y - d], [x + w, y - d], [x + w, y + d], [x - w, y + d]], float)


def test_the_farther_comes_first() -> None:
    lens = Lens(Pose(), 640, 360)
    assert far_to_near([block(0, 10, 1, 1), block(0, 30, 1, 1), block(0, 20, 1, 1)], lens) == [1, 2, 0]


def test_a_long_bus_beside_a_car_is_not_ordered_by_its_middle() -> None:
    """Seen along the road, the car's middle is nearer than the bus's, yet the bus stands between it and the camera."""
    lens = Lens(Pose(pan_deg=60), 640, 360)
    bus, car = block(16, 6, 6, 1.2), block(11, 9, 1, 0.8)
    assert far_to_near([bus, car], lens) == [1, 0]


def test_every_actor_is_ordered_once() -> None:
    rng = np.random.default_rng(3)
    places = [block(*rng.uniform([-10, 5], [10, 40]), 1.0, 0.5) for _ in range(14)]
    assert sorted(far_to_near(places, Lens(Pose(), 640, 360))) == list(range(14))
