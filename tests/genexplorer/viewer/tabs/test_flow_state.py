"""The Flow tab without Qt: traces, the selection, the layout of the stages."""

import math

import numpy as np
import pytest

from genexplorer.viewer.tabs.flow.stage_strip import choose_layout
from genexplorer.viewer.tabs.flow.trace import TraceSelection, parse_trace
from genexplorer.viewer.tabs.flow.trace_loader import sector_indices


def _answer(count: int = 3) -> dict[str, np.ndarray]:
    return {
        "stages": np.zeros((count, 4, 4, 1), np.uint8),
        "z": np.array([[1.0, -2.0]], np.float32),
        "ladj": np.arange(1, count, dtype=np.float32),
        "mean": np.zeros(count, np.float32),
        "std": np.ones(count, np.float32),
    }


def test_the_log_determinants_add_up_to_the_likelihood() -> None:
    trace = parse_trace(_answer(), {"labels": ["x", "a", "b"], "direction": "forward", "error": 1e-6, "label": 3}, 7)
    assert [s.label for s in trace.stages] == ["x", "a", "b"] and trace.stages[0].ladj is None
    assert [s.cumulative for s in trace.stages] == [0.0, 1.0, 3.0] and trace.total == 3.0 and trace.bar_scale == 2.0
    base = -0.5 * 5 - math.log(2 * math.pi)
    assert trace.log_base == pytest.approx(base) and trace.log_prob == pytest.approx(base + 3.0)
    back = parse_trace(_answer(), {"direction": "inverse"}, 7)
    assert back.log_prob == pytest.approx(base - 3.0) and back.error is None and back.label == -1


def test_one_log_determinant_does_not_dwarf_the_others() -> None:
    arrays = {**_answer(4), "ladj": np.array([-1600.0, 4.0, -2.0], np.float32)}
    assert parse_trace(arrays, {}, 1).bar_scale == 4.0
    arrays["ladj"] = np.array([9.0, 4.0, float("nan")], np.float32)
    assert parse_trace(arrays, {}, 1).bar_scale == 9.0


def test_a_point_may_have_a_batch_axis() -> None:
    points = {**_answer(), "stages": np.zeros((3, 1, 2), np.float32), "ladj": np.ones((2, 1), np.float32)}
    trace = parse_trace(points, {}, 1)
    assert trace.is_point_data and trace.values.shape == (3, 2) and trace.total == 2.0
    with pytest.raises(ValueError):
        parse_trace({**points, "ladj": np.ones(7, np.float32)}, {}, 1)


def test_labels_are_short_and_on_one_line() -> None:
    trace = parse_trace(_answer(), {"labels": ["x", "evil\nname" * 9, "b"]}, 1)
    assert "\n" not in trace.stages[1].label and len(trace.stages[1].label) <= 24


def test_index_and_sample_set_the_direction() -> None:
    selection = TraceSelection()
    selection.num_test, selection.count = 100, 9
    calls: list[dict[str, object]] = []
    selection.subscribe(lambda: calls.append(selection.params))
    assert selection.stage == 8
    selection.select_stage(3)
    selection.set_index(250)
    assert selection.params == {"index": 99} and selection.stage == 3
    selection.set_sample(temperature=9.0)
    assert selection.params == {"seed": 0, "temperature": 1.5} and selection.stage == 8
    selection.move(2)
    assert selection.seed == 2
    selection.reverse()
    assert selection.direction == "forward" and len(calls) == 5
    before = selection.index
    selection.resample()
    assert selection.index != before


def test_a_saved_selection_is_validated() -> None:
    selection = TraceSelection()
    selection.restore({"direction": "inverse", "index": 5, "seed": 6, "temperature": 0.5})
    assert selection.to_json() == {"direction": "inverse", "index": 5, "seed": 6, "temperature": 0.5}
    selection.restore({"direction": 3, "index": -1, "seed": "x", "temperature": 99})
    assert selection.to_json() == {"direction": "forward", "index": 0, "seed": 0, "temperature": 1.0}


@pytest.mark.parametrize("count", [2, 9, 30])
def test_stages_are_laid_out_as_large_as_fits(count: int) -> None:
    layout = choose_layout(count, (28, 28), (900, 480))
    assert layout.image_size[0] % 28 == 0 and layout.rows * layout.columns >= count
    assert layout.height <= 490 or layout.image_size == (56, 56)
    for index in range(count):
        left, top = layout.cell_position(index)
        assert left + layout.cell_width <= 900 and layout.cell_at(left + 5, top + 5) == index
    assert layout.cell_at(-5, 3) is None and layout.cell_at(10, 10_000) is None
    assert choose_layout(count, None, (900, 480)).image_size[0] >= choose_layout(count, None, (400, 300)).image_size[0]


def test_neighbors_of_the_base_share_a_sector() -> None:
    points = np.array([[1, 0.1], [0.9, 0.2], [-1, 0.1], [1, -0.001]])
    indices = sector_indices(points)
    assert indices[0] == indices[1] != indices[2] and indices[3] == 7
