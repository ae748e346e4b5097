import numpy as np
import pytest

from agent.clock import SimulatedClock
from agent.core.source import StreamRequest
from agent.errors import ConfigError, SourceEnded
from agent.stage.render import Renderer
from agent.stage.script import load_scene
from agent.stage.source import SceneGrabber, open_rendered

SHORT = """
[scene]
name = "Short"
size = [160, 90]
duration_s = 1
[camera]
[[surface]]
kind = "asphalt"
"""
PERIOD_US = 100_000


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
def scene_file(tmp_path) -> str:
    path = tmp_path / "short.toml"
    path.write_text(SHORT, "utf-8")
    return str(path)


def opened(url: str, clock: SimulatedClock, pace: str = "source", loop: bool = False) -> SceneGrabber:
    return open_rendered(StreamRequest("gate", url, pace=pace, loop=loop), clock)


def test_fast_gives_every_picture_in_order_then_ends(scene_file: str, clock: SimulatedClock) -> None:
    grabber = opened(scene_file, clock, pace="fast")
    assert not grabber.live
    assert [grabber.read().pts_us for _ in range(10)] == [k * PERIOD_US for k in range(10)]
    with pytest.raises(SourceEnded):
        grabber.read()
    assert clock.now().mono_us == SimulatedClock().now().mono_us  # no waiting at all


def test_a_loop_goes_on_and_shows_the_scene_again(scene_file: str, clock: SimulatedClock) -> None:
    grabber = opened(scene_file, clock, pace="fast", loop=True)
    grabs = [grabber.read() for _ in range(25)]
    assert [grab.pts_us for grab in grabs] == [k * PERIOD_US for k in range(25)]
    assert np.array_equal(grabs[3].pixels, grabs[13].pixels)


def test_live_pictures_come_when_they_are_due(scene_file: str, clock: SimulatedClock) -> None:
    grabber = opened(scene_file, clock)
    start_us = clock.now().mono_us
    assert grabber.live
    for k in range(10):
        assert grabber.read().pts_us == k * PERIOD_US
        assert clock.now().mono_us - start_us == k * PERIOD_US


def test_a_reader_who_is_late_misses_pictures_and_catches_up(scene_file: str, clock: SimulatedClock) -> None:
    grabber = opened(scene_file, clock)
    grabber.read()
    clock.sleep(0.45)
    assert grabber.read().pts_us == 4 * PERIOD_US
    assert grabber.read().pts_us == 5 * PERIOD_US


def test_live_ends_when_its_time_is_over(scene_file: str, clock: SimulatedClock) -> None:
    grabber = opened(scene_file, clock)
    clock.sleep(1.5)
    with pytest.raises(SourceEnded):
        grabber.read()


def test_scene_time_counts_from_the_start_given(clock: SimulatedClock) -> None:
    start_us = clock.now().mono_us
    clock.sleep(21.55)
    grabber = opened(f"demo_yard?start_mono_us={start_us}", clock, loop=True)
    grab = grabber.read()
    assert grab.pts_us == 21_500_000
    assert np.array_equal(grab.pixels, Renderer(load_scene("demo_yard")).render(21.5).pixels)


@pytest.mark.parametrize(
    ("query", "says"),
    [("start_mono_us=soon", "whole microseconds, got 'soon'"), ("begin=3", "unknown parameter 'begin'")],
)
def test_a_bad_parameter_is_refused(scene_file: str, clock: SimulatedClock, query: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        opened(f"{scene_file}?{query}", clock)


def test_two_readers_of_one_start_see_the_same(scene_file: str, clock: SimulatedClock) -> None:
    url = f"{scene_file}?start_mono_us={clock.now().mono_us}"
    first, second = opened(url, clock), opened(url, clock)
    assert np.array_equal(first.read().pixels, second.read().pixels)


def test_until_its_start_a_scene_shows_its_first_picture_at_the_usual_rate(clock: SimulatedClock) -> None:
    start_us = clock.now().mono_us + 2_000_000
    grabber = opened(f"demo_yard?start_mono_us={start_us}", clock)
    grabs = [grabber.read() for _ in range(25)]
    assert [grab.pts_us for grab in grabs] == [n * 100_000 for n in range(25)]
    waiting, playing = grabs[:20], grabs[20:]
    first = Renderer(load_scene("demo_yard")).render(0.0).pixels
    assert all((grab.pixels == first).all() for grab in waiting)
    assert (playing[-1].pixels != first).any()
