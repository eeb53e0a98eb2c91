"""The Density tab without Qt: switches, heat maps, the flow's animation, metrics."""

import numpy as np
import pytest

from genexplorer.session.palette import DARK, LIGHT, rgb
from genexplorer.viewer.tabs.density import heat_map
from genexplorer.viewer.tabs.density.heat_map import HeatMap
from genexplorer.viewer.tabs.density.layers import LAYERS, HeatMapKind, LayersState, heat_map_kinds_of, layers_of
from genexplorer.viewer.tabs.density.scene import FlowAnimation, base_grid
from genexplorer.viewer.tabs.density.tab import metrics_summary
from tests.fixtures.fake_families import KINDS
from trainers.events import MetricSpec
from trainers.model_card import ModelCard


def _card(kind: str) -> ModelCard:
    return KINDS[kind].card(10, 128, 1000)


def _names(kind: str) -> set[str]:
    return {layer.name for layer in layers_of(_card(kind))}


def test_layers_follow_from_capabilities() -> None:
    assert _names("flow-points") == {"data", "classes", "samples", "grid", "latent"}
    assert _names("gan-points") == {"data", "classes", "samples", "arrows", "latent"}
    assert _names("vae-points") == {"data", "classes", "samples", "lines", "latent"}
    assert heat_map_kinds_of(_card("flow-points")) == ("none", "model", "truth", "difference")
    assert heat_map_kinds_of(_card("gan-points"), truth_is_known=False) == ("none", "critic")
    keys = [layer.key for layer in LAYERS]
    assert len(set(keys)) == len(keys) and not set(keys) & set("HRSLWTN")


def test_switches_are_kept_from_model_to_model() -> None:
    state, calls = LayersState(), [0]
    state.subscribe(lambda: calls.append(1))
    state.set_card(_card("flow-points"))
    assert (state.heat_map_kind, state.shows("grid"), state.shows("arrows")) == ("model", True, False)
    state.switch("grid")
    state.set_heat_map_kind("difference")
    state.set_card(_card("gan-points"))
    assert (state.heat_map_kind, state.shows("arrows")) == ("critic", True)
    state.set_card(_card("flow-points"))
    assert (state.heat_map_kind, state.shows("grid")) == ("difference", False)
    state.next_heat_map()
    before = len(calls)
    state.set_heat_map_kind("critic")  # not of this model
    state.switch("grid", False)
    assert (len(calls), state.heat_map_kind) == (before, "none")
    names = {layer.key: layer.name for layer in state.layers}
    assert names["B"] == "grid" and "A" not in names


def test_restored_switches_are_validated() -> None:
    state = LayersState()
    state.restore({"on": {"grid": False, "data": 7, "nonsense": True}, "heat": "lava"})
    state.set_card(_card("flow-points"))
    assert not state.shows("grid") and state.shows("data") and state.heat_map_kind == "model"
    assert LayersState().to_json()["heat"] is None


def test_points_move_stage_by_stage() -> None:
    stages = np.stack([np.full((4, 2), k, float) for k in range(5)])
    flow = FlowAnimation(stages, ("z", "coupling 4", "coupling 3", "coupling 2", "coupling 1"))
    assert flow.points_at(0)[0, 0] == 0 and flow.points_at(1)[0, 0] == 4 and flow.points_at(7)[0, 0] == 4
    assert flow.points_at(0.625)[0, 0] == pytest.approx(2.5)
    assert flow.caption(0.5) == "layer 2 of 4: coupling 3" and flow.caption(0.6) == "layer 3 of 4: coupling 2"
    assert [flow.axis_letter(position) for position in (0, 0.5, 1)] == ["z", "v", "x"]


def test_the_base_grid_is_of_lines_that_do_not_join() -> None:
    grid = base_grid(2.0, lines=3, points=5)
    assert grid.points.shape == (30, 2) and int((grid.connect == 0).sum()) == 6
    ends = np.flatnonzero(grid.connect == 0)
    assert all(abs(grid.points[end]).max() == 2.0 for end in ends)
    assert len(np.unique(grid.points[:5, 0])) == 1 and len(np.unique(grid.points[-5:, 1])) == 1


def _map(values: list[list[float]], kind: HeatMapKind = "model") -> HeatMap:
    return HeatMap(kind, np.array(values), (0.0, 2.0, 0.0, 2.0), "exact", 1)


def test_a_heat_map_has_values_and_colors() -> None:
    heat = _map([[-1.5, -30.0], [float("-inf"), -2.0]])
    assert heat.value_at(0.5, 1.5) == -1.5 and heat.value_at(1.5, 0.5) == -2.0 and heat.value_at(3, 0) is None
    assert (heat.scale.low, heat.scale.high, heat.scale.is_diverging) == (-9.0, -1.0, False)
    for palette in (LIGHT, DARK):
        pixels = heat.to_image(palette)
        assert pixels.shape == (6, 6, 3)
        paper = np.array(rgb(palette.background))
        assert np.abs(pixels[0, -1] - paper).max() < 2 < np.abs(pixels[0, 0] - paper).max()


def test_probabilities_diverge_about_a_half() -> None:
    sure = heat_map.sigmoid(np.array([[-50.0, 0.0], [0.5, 800.0]]))
    assert sure[0, 0] < 1e-6 and sure[0, 1] == 0.5 and sure[1, 1] == 1.0
    pixels = _map(sure.tolist(), "critic").to_image(LIGHT)
    red, blue = pixels[0, 0], pixels[-1, -1]
    assert red[0] > red[2] and blue[2] > blue[0]


def test_the_difference_is_0_where_both_densities_are_low() -> None:
    model, truth = _map([[-1.0, -90.0]]), _map([[-2.0, float("-inf")]], "truth")
    heat = heat_map.difference_map(model, truth)
    assert heat is not None and heat.values.tolist() == [[1.0, 0.0]] and heat.scale.is_diverging
    elsewhere = HeatMap("truth", truth.values, (0.0, 1.0, 0.0, 1.0), "", 1)
    assert heat_map.difference_map(model, elsewhere) is None


def test_cells_are_nearly_square() -> None:
    rows, columns = heat_map.grid_shape((0.0, 8.0, 0.0, 2.0))
    assert columns / rows == pytest.approx(4, rel=0.05) and 8000 < rows * columns < 10_500


def test_preferred_metrics_come_first() -> None:
    specs = {
        name: MetricSpec(name, quantity, title, unit, "lower", "density")
        for name, quantity, title, unit in (
            ("test/nll_ema", "nll", "test cost −log p(x) (EMA weights)", "nats"),
            ("test/gap_ema", "gap", "KL from the true density (EMA weights)", "nats"),
            ("test/modes_covered_raw", "modes_covered", "modes covered of 8 (raw weights)", ""),
        )
    }
    summary = metrics_summary(specs, {"test/nll_ema": 2.0, "test/gap_ema": 0.05, "test/modes_covered_raw": 8.0})
    assert [(name, value) for name, value, _ in summary] == [
        ("KL from the true density", "0.05 nats"),
        ("modes covered", "8 of 8"),
        ("cost −log p(x)", "2.00 nats"),
    ]
    assert metrics_summary(specs, {}) == [] and "EMA weights" in summary[0][2]
    with_error = metrics_summary(specs, {"test/gap_ema": 0.2615, "test/gap_standard_error_ema": 0.00998})
    assert with_error[0][:2] == ("KL from the true density", "0.2615 ± 0.0100 nats")
