import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.stage.lens import Lens
from agent.stage.scene import Pose

poses = st.builds(
    Pose,
    at=st.tuples(st.floats(-20, 20), st.floats(-20, 20)),
    height_m=st.floats(2, 15),
    pan_deg=st.floats(-170, 170),
    tilt_deg=st.floats(5, 60),
    focal=st.floats(0.5, 2),
)
pixels = st.tuples(st.floats(0, 640), st.floats(0, 360))


@settings(deadline=None)
@given(poses, pixels)
def test_a_pixel_on_the_ground_projects_back_to_itself(pose: Pose, pixel: tuple[float, float]) -> None:
    lens = Lens(pose, 640, 360)
    ground = lens.to_ground(np.array([pixel]))
    below_horizon = pixel[1] > lens.horizon_px + 1
    assert bool(np.isfinite(ground).all()) or not below_horizon
    if below_horizon:
        again = lens.project(np.array([[*ground[0], 0.0]]))[0]
        assert np.allclose(again, pixel, atol=0.05)


@settings(deadline=None)
@given(poses, st.floats(-15, 15), st.floats(4, 40))
def test_the_homography_is_the_projection_of_the_ground(pose: Pose, aside: float, ahead: float) -> None:
    lens = Lens(pose, 640, 360)
    flat = lens.axes[2, :2] / np.linalg.norm(lens.axes[2, :2])
    place = lens.eye[:2] + ahead * flat + aside * lens.axes[0, :2]
    x, y, w = lens.homography @ [*place, 1.0]
    assert np.allclose([x / w, y / w], lens.project(np.array([[*place, 0.0]]))[0], atol=1e-6)


@settings(deadline=None)
@given(poses, st.floats(5, 30), st.floats(1.2, 3.0))
def test_what_is_farther_looks_smaller_in_proportion(pose: Pose, depth: float, times: float) -> None:
    lens = Lens(pose, 640, 360)

    def span(at: float) -> float:
        middle = lens.eye + lens.axes[2] * at
        ends = lens.project(np.array([middle - lens.axes[0], middle + lens.axes[0]]))
        return float(np.linalg.norm(ends[1] - ends[0]))

    assert np.isclose(span(depth) / span(depth * times), times)


def test_what_lies_behind_the_lens_is_cut_off() -> None:
    lens = Lens(Pose(), 640, 360)
    strip = np.array([[-2.0, -50, 0], [2, -50, 0], [2, 50, 0], [-2, 50, 0]])
    assert len(lens.outline(strip)) == 4
    assert np.isfinite(lens.outline(strip)).all()
    assert len(lens.outline(strip - [0, 100, 0])) == 0
