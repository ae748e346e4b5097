from pathlib import Path

import pytest

from agent.errors import ConfigError
from agent.stage.render import Renderer
from agent.stage.script import load_scene, parse_scene, scene_names
from agent.stage.truth import foot_inside

GOOD = """
[scene]
name = "Test"
duration_s = 10
[camera]
tilt_deg = 25
[[surface]]
kind = "asphalt"
[zones.bay]
ground = [[-2, 9], [2, 9], [2, 12], [-2, 12]]
[[actor]]
id = "a"
class = "car"
colour = "#b03020"
path = [[0, -5, 10], [10, 5, 10]]
[[expect]]
rule = "stopped_vehicle"
zone = "bay"
actor = "a"
begin_s = 1
alert_s = 5
end_s = 9
"""

BAD = [
    ("duration_s = 10", "", "scene.duration_s", "missing"),
    ("duration_s = 10", "duration_s = 0", "scene.duration_s", "between 1 and 7200, got 0"),
    ("duration_s = 10", "duration = 10", "scene.duration_s", "missing"),
    ('name = "Test"', 'name = "Test"\nsead = 4', "scene.sead", "did you mean 'seed'"),
    ('name = "Test"', 'name = "Test"\nsize = [640]', "scene.size", "2 numbers, got [640]"),
    ('name = "Test"', 'name = "Test"\nsize = [9000, 10]', "scene.size", "got 9000x10"),
    ('name = "Test"', 'name = "Test"\nseed = 1.5', "scene.seed", "whole number, got 1.5"),
    ("tilt_deg = 25", "tilt_deg = true", "camera.tilt_deg", "must be a number, got True"),
    ("tilt_deg = 25", "tilt_deg = 25\n[light]\nlevel = 9", "light.level", "between 0.05 and 2, got 9"),
    ('kind = "asphalt"', 'kind = "asfalt"', "surface[0].kind", "did you mean 'asphalt'"),
    ('kind = "asphalt"', 'kind = "asphalt"\nstrip = [9, 3]', "surface[0].strip", "from less to more, got [9.0, 3.0]"),
    ('kind = "asphalt"', 'kind = "asphalt"\ndash = [3, 0]', "surface[0].dash", "above 0"),
    ("[2, 12], [-2, 12]]", "[-2, 12], [2, 12]]", "zones.bay", "cross"),
    ("[2, 12], [-2, 12]]", "[90, 12], [-2, 12]]", "zones.bay.ground", "beyond the picture"),
    ("ground = [[-2, 9]", 'name = "x"\nearth = [[-2, 9]', "zones.bay", "needs either ground"),
    ('class = "car"', 'class = "cart"', "actor[0].class", "did you mean 'car'"),
    ('class = "car"', 'class = "car"\nbody = "tank"', "actor[0].body", "sedan, hatch, suv, van; got 'tank'"),
    ('"#b03020"', '"red"', "actor[0].colour", "got 'red'"),
    ("[10, 5, 10]]", "[0, 5, 10]]", "actor[0].path[1]", "time must rise: 0 s comes after 0 s"),
    ("[[0, -5, 10], [10, 5, 10]]", "[[0, -5, 10]]", "actor[0].path", "at least two waypoints"),
    ("[10, 5, 10]]", "[10, 5]]", "actor[0].path[1]", "3 numbers, got [10, 5]"),
    ('zone = "bay"', 'zone = "bey"', "expect[0].zone", "did you mean 'bay'"),
    ('actor = "a"', 'actor = "b"', "expect[0].actor", "must be one of a; got 'b'"),
    ("alert_s = 5", "alert_s = 0.5", "expect[0].alert_s", "between begin_s and end_s"),
    ("end_s = 9", "end_s = 9\n[extra]", "extra", "not a known key"),
    ("end_s = 9", "end_s = ", "scene script", "no valid TOML"),
]


def test_the_good_script_is_good() -> None:
    scene = parse_scene(GOOD)
    assert (scene.width, scene.height, scene.fps) == (640, 360, 10)
    assert scene.actor("a").colour == (0x20, 0x30, 0xB0)
    assert scene.zone("bay").name == "bay"


@pytest.mark.parametrize(("old", "new", "key", "says"), BAD, ids=[f"{row[2]}-{row[3][:20]}" for row in BAD])
def test_a_bad_script_is_refused_with_its_key_and_value(old: str, new: str, key: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as refused:
        parse_scene(GOOD.replace(old, new))
    assert refused.value.key == key
    assert says in refused.value.problem


def test_two_actors_of_one_name_are_refused() -> None:
    actor = GOOD[GOOD.index("[[actor]]") : GOOD.index("[[expect]]")]
    with pytest.raises(ConfigError, match="used twice"):
        parse_scene(GOOD + actor)


@pytest.mark.parametrize(("name", "says"), [("no_such", "demo_road"), ("/no/such/file.toml", "cannot be read")])
def test_a_scene_that_is_not_there_is_refused(name: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_scene(name)


def test_a_scene_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(GOOD, "utf-8")
    assert load_scene(str(tmp_path / "own.toml")).name == "Test"


def test_every_scene_that_comes_along_can_be_read() -> None:
    assert {"demo_road", "demo_yard", "empty_street"} <= set(scene_names())
    for name in scene_names():
        assert load_scene(name).zones


def test_the_example_of_the_reference_is_a_good_script() -> None:
    text = (Path(__file__).parents[3] / "docs/ref/scene.md").read_text("utf-8")
    example = text[text.index("[scene]") : text.index("## Words")].rsplit("```", 1)[0]
    scene = parse_scene(example)
    assert foot_inside(Renderer(scene), "red", "kerb", 20)
