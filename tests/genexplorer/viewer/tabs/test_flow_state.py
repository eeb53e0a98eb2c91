"""The Flow tab without Qt: ways, what is chosen, rows of stations."""

import math

import numpy as np
import pytest

from genexplorer.viewer.tabs.flow import trace as ways
from genexplorer.viewer.tabs.flow.arrangement import arrange
from genexplorer.viewer.tabs.flow.trace_loader import sectors
from genexplorer.viewer.tabs.flow.trace_request import Choice


def _answer(count: int = 3) -> dict[str, np.ndarray]:
    return {
        "stages": np.zeros((count, 4, 4, 1), np.uint8),
        "z": np.array([[1.0, -2.0]], np.float32),
        "ladj": np.arange(1, count, dtype=np.float32),
        "mean": np.zeros(count, np.float32),
        "std": np.ones(count, np.float32),
    }


def test_the_log_determinants_add_up_to_the_likelihood() -> None:
    way = ways.read(_answer(), {"labels": ["x", "a", "b"], "direction": "forward", "error": 1e-6, "label": 3}, 7)
    assert [s.label for s in way.stations] == ["x", "a", "b"] and way.stations[0].ladj is None
    assert [s.so_far for s in way.stations] == [0.0, 1.0, 3.0] and way.total == 3.0 and way.largest == 2.0
    base = -0.5 * 5 - math.log(2 * math.pi)
    assert way.log_base == pytest.approx(base) and way.log_prob == pytest.approx(base + 3.0)
    back = ways.read(_answer(), {"direction": "inverse"}, 7)
    assert back.log_prob == pytest.approx(base - 3.0) and back.error is None and back.label == -1


def test_one_log_determinant_does_not_dwarf_the_others() -> None:
    arrays = {**_answer(4), "ladj": np.array([-1600.0, 4.0, -2.0], np.float32)}
    assert ways.read(arrays, {}, 1).largest == 4.0
    arrays["ladj"] = np.array([9.0, 4.0, float("nan")], np.float32)
    assert ways.read(arrays, {}, 1).largest == 9.0


def test_the_way_of_a_point_may_have_an_axis_of_its_own() -> None:
    points = {**_answer(), "stages": np.zeros((3, 1, 2), np.float32), "ladj": np.ones((2, 1), np.float32)}
    way = ways.read(points, {}, 1)
    assert way.is_points and way.stages.shape == (3, 2) and way.total == 2.0
    with pytest.raises(ValueError):
        ways.read({**points, "ladj": np.ones(7, np.float32)}, {}, 1)


def test_labels_are_kept_short_and_on_one_line() -> None:
    way = ways.read(_answer(), {"labels": ["x", "evil\nname" * 9, "b"]}, 1)
    assert "\n" not in way.stations[1].label and len(way.stations[1].label) <= 24


def test_a_choice_faces_the_way_that_it_belongs_to() -> None:
    choice = Choice()
    choice.num_test, choice.count = 100, 9
    told: list[dict[str, object]] = []
    choice.subscribe(lambda: told.append(choice.question))
    assert choice.station == 8
    choice.watch_for(3)
    choice.set_index(250)
    assert choice.question == {"index": 99} and choice.station == 3
    choice.set_draw(temperature=9.0)
    assert choice.question == {"seed": 0, "temperature": 1.5} and choice.station == 8
    choice.move(2)
    assert choice.seed == 2
    choice.turn()
    assert choice.direction == "forward" and len(told) == 5
    before = choice.index
    choice.another()
    assert choice.index != before


def test_a_remembered_choice_is_checked() -> None:
    choice = Choice()
    choice.restore({"direction": "inverse", "index": 5, "seed": 6, "temperature": 0.5})
    assert choice.to_json() == {"direction": "inverse", "index": 5, "seed": 6, "temperature": 0.5}
    choice.restore({"direction": 3, "index": -1, "seed": "x", "temperature": 99})
    assert choice.to_json() == {"direction": "forward", "index": 0, "seed": 0, "temperature": 1.0}


@pytest.mark.parametrize("count", [2, 9, 30])
def test_stations_stand_in_rows_as_large_as_fits(count: int) -> None:
    made = arrange(count, (28, 28), (900, 480))
    assert made.picture[0] % 28 == 0 and made.rows * made.columns >= count
    assert made.height <= 490 or made.picture == (56, 56)
    for index in range(count):
        left, top = made.place(index)
        assert left + made.cell_width <= 900 and made.at(left + 5, top + 5) == index
    assert made.at(-5, 3) is None and made.at(10, 10_000) is None
    assert arrange(count, None, (900, 480)).picture[0] >= arrange(count, None, (400, 300)).picture[0]


def test_neighbors_of_the_base_share_a_sector() -> None:
    points = np.array([[1, 0.1], [0.9, 0.2], [-1, 0.1], [1, -0.001]])
    found = sectors(points)
    assert found[0] == found[1] != found[2] and found[3] == 7
