"""Charts, ticks and braille lines."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from genexplorer.dashboard.charts.braille import BrailleCanvas, Dash
from genexplorer.dashboard.charts.chart import ChartAnnotation, ChartData, ChartLine, render_chart
from genexplorer.dashboard.charts.ticks import AxisScale, log_scale_kind, tick_texts, ticks, time_ticks
from genexplorer.dashboard.text_fitting import clip, wrap
from genexplorer.session.charts import charts
from trainers import registry
from trainers.plan import resolve
from trainers.presets import assemble

STEPS = np.arange(0, 4001, 20, dtype=np.float64)
FALLING = 100 + 400 * np.exp(-STEPS / 60)


def text(data: ChartData, width: int = 78, height: int = 15) -> str:
    return "\n".join("".join(character for character, _ in row) for row in render_chart(data, width, height).rows)


def one_line(y: np.ndarray = FALLING, **options: object) -> ChartData:
    return ChartData("loss (nats)", (ChartLine("train", "train", STEPS, y),), **options)  # type: ignore[arg-type]


def test_diagonal_fills_the_corners() -> None:
    canvas = BrailleCanvas(4, 2)
    canvas.polyline(np.array([0.0, 1.0]), np.array([0.0, 1.0]), 0)
    cells = canvas.cells()
    assert cells[1][0] == ("⣠", 0) or cells[1][0][0] != " "
    assert cells[0][3][0] != " " and cells[0][0][0] == " "


def test_nan_is_a_gap_and_isolated_points_are_visible() -> None:
    canvas = BrailleCanvas(10, 1)
    canvas.polyline(np.array([0.0, 0.1, 0.2, 0.9]), np.array([0.5, np.nan, np.nan, 0.5]), 0)
    columns = [column for column, (character, _) in enumerate(canvas.cells()[0]) if character != " "]
    assert columns == [0, 8]


def test_a_line_erases_faint_lines_only() -> None:
    level = np.array([0.0, 1.0])
    canvas = BrailleCanvas(3, 1)
    canvas.polyline(level, np.array([1.0, 1.0]), 0, faint=True)
    canvas.polyline(level, np.array([0.0, 0.0]), 1)
    assert canvas.cells()[0][1] == ("⣀", 1)
    canvas.polyline(level, np.array([1.0, 1.0]), 2)
    assert canvas.cells()[0][1] == ("⣉", 2)


def test_dotted_line_has_fewer_dots() -> None:
    def dots(dash: Dash) -> int:
        canvas = BrailleCanvas(30, 2)
        canvas.polyline(np.array([0.0, 1.0]), np.array([0.5, 0.5]), 0, dash)
        return sum((ord(c) - 0x2800).bit_count() for row in canvas.cells() for c, _ in row if c != " ")

    assert dots(Dash(1, 2)) < dots(Dash(5, 3)) < dots(Dash())


def test_extreme_values() -> None:
    canvas = BrailleCanvas(20, 5)
    canvas.polyline(np.array([0.0, 0.5, 1.0]), np.array([0.0, 1e300, 0.0]), 0)
    assert any(character != " " for row in canvas.cells() for character, _ in row)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (-0.003, 0.001), (1e5, 3e6), (-148.2, -135.0), (5, 5.0001), (0, 1.8e14)]
)
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    values = ticks(AxisScale(low, high), 5)
    assert 2 <= len(values) <= 7
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in values)
    assert len(set(tick_texts(values))) == len(values), "no two ticks read the same"


def test_ticks_of_huge_values() -> None:
    assert tick_texts([0.0, 5e13, 1.5e14]) == ["0", "5e13", "1.5e14"]


def test_log_ticks_are_decades() -> None:
    assert ticks(AxisScale(0.001, 10, "log"), 5) == pytest.approx([0.001, 0.01, 0.1, 1, 10])
    assert ticks(AxisScale(-1000, -1, "mirrored log"), 4) == pytest.approx([-1000, -100, -10, -1])


def test_time_ticks_are_round() -> None:
    assert time_ticks(0, 300, 6) == [0, 60, 120, 180, 240, 300]


@pytest.mark.parametrize("kind", ["linear", "log", "mirrored log"])
def test_value_inverts_fraction(kind: str) -> None:
    scale = AxisScale(-100, -1, "mirrored log") if kind == "mirrored log" else AxisScale(1, 100, kind)  # type: ignore[arg-type]
    for fraction in (0.0, 0.3, 1.0):
        assert scale.fraction(np.array([scale.value(fraction)]))[0] == pytest.approx(fraction)


def test_log_scale_needs_values_of_one_sign() -> None:
    assert log_scale_kind(np.array([1.0, 5.0])) == "log"
    assert log_scale_kind(np.array([-1.0, -5.0])) == "mirrored log"
    assert log_scale_kind(np.array([-1.0, 5.0])) is None


def test_axes_and_lines_have_names() -> None:
    rendered = text(one_line(annotations=(ChartAnnotation(2000, "▲lr 0.001"),)))
    assert "loss (nats)" in rendered and "step" in rendered and "train 100" in rendered and "▲lr 0.001" in rendered


def test_the_texts_of_marks_never_overlap() -> None:
    def marks(*annotations: tuple[float, str]) -> str:
        return text(one_line(annotations=tuple(ChartAnnotation(x, label) for x, label in annotations)))

    assert "800 steps▲" in marks((3950, "▲800 steps")), "there is no room behind it"
    rendered = marks((2000, "▲800 steps"), (2200, "▲from calm-owl"))
    assert "800 steps▲" in rendered and "▲from calm-owl" in rendered
    rendered = marks((100, "▲beta 1"), (110, "▲lr 0.1"), (600, "▲threads 4"))
    assert "▲thre" in rendered and "lr 0.1" not in rendered
    cut = marks((0, "▲beta 1, lr 0.001"), (800, "▲paused"))
    assert "▲beta 1, lr…" in cut and "▲paused" in cut


def test_steep_start_is_cropped_with_a_note() -> None:
    assert "cropped; a: full range" in text(one_line())
    full = text(one_line(show_full_range=True))
    assert "cropped" not in full.splitlines()[0] and "│⢸" in full.splitlines()[1]


def test_log_scale() -> None:
    assert "no log" not in text(one_line(log_scale=True))
    assert "200" in text(one_line(log_scale=True))
    mixed = text(one_line(FALLING - 150, log_scale=True))
    assert "no log scale: values of both signs" in mixed


def test_the_curve_of_a_parent_is_quieter_than_that_of_its_branch() -> None:
    def columns(data: ChartData, style: str) -> set[int]:
        cells = [(column, cell) for row in render_chart(data, 78, 15).rows for column, cell in enumerate(row)]
        return {column for column, (text, name) in cells if name == style and "⠀" < text <= "⣿"}

    data = one_line()
    (line,) = data.lines
    before = columns(data, line.style)
    start = float(line.x[len(line.x) // 2])
    branch = replace(data, inherited_until=start)
    quiet, own = columns(branch, f"{line.style}-raw"), columns(branch, line.style)
    assert quiet | own == before and max(quiet) < min(own)
    assert 0.4 < len(quiet) / len(before) < 0.6, "the first values are cropped"


def test_a_hidden_spike_has_an_arrow_with_its_value() -> None:
    x = np.arange(1000.0)
    y = np.linspace(100.0, 90.0, 1000)
    high = y.copy()
    y[500], high[500] = 1100.0, 1e6
    line = ChartLine("train", "train", x, y, low=y, high=high)
    assert "▲1e+06" in text(ChartData("loss", (line,)))
    high[500] = y[500] = 95.0
    assert "▲" not in text(ChartData("loss", (line,)))


def test_noise_at_every_step_does_not_cover_the_curve_of_another_metric() -> None:
    x, level = np.arange(1000.0), np.full(1000, 50.0)
    noisy = ChartLine("train", "train", x, level, low=level - 40, high=level + 40)
    quiet = ChartLine("test", "test", x, np.linspace(30.0, 70.0, 1000))
    rows = render_chart(ChartData("loss", (noisy, quiet)), 78, 15).rows
    styles = [style for row in rows for _character, style in row]
    assert styles.count("test") > 60 and "train-raw" in styles


def test_text_in_the_place_of_points() -> None:
    assert "soon" in text(ChartData("loss", (), placeholder="soon"))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (5, 3), (12, 4), (30, 8), (78, 15), (190, 40)])
def test_chart_fills_any_size(width: int, height: int) -> None:
    rows = render_chart(one_line(selected_x=2000.0, annotations=(ChartAnnotation(100, "▲x"),)), width, height).rows
    assert len(rows) == height and all(len(row) == width for row in rows)


def test_time_cursor_at_any_size() -> None:
    full = one_line(selected_x=3900.0, annotations=(ChartAnnotation(100, "▲lr"), ChartAnnotation(4000, "▲paused")))
    for width in range(1, 50):
        for height in range(1, 9):
            chart = render_chart(full, width, height)
            assert len(chart.rows) == height and {len(row) for row in chart.rows} == {width}


def test_constant_values() -> None:
    assert "train 3" in text(one_line(np.full_like(STEPS, 3.0)))


def test_x_at_a_column() -> None:
    chart = render_chart(one_line(), 78, 15)
    assert chart.x_at(0) is None
    middle = chart.x_at(chart.plot_left + chart.columns // 2)
    assert middle == pytest.approx(2000, rel=0.05)


def test_labels_do_not_overlap() -> None:
    lines = tuple(ChartLine(f"run {i}", "train", STEPS, FALLING + i * 1e-3) for i in range(4))
    rendered = text(ChartData("loss", lines))
    assert all(f"run {i}" in rendered for i in range(4))


def test_a_long_title_of_a_small_chart_has_two_lines() -> None:
    data = replace(one_line(), title="discriminator loss by part (nats)", is_small=True)
    lines = text(data, 24, 12).splitlines()
    assert [line.strip() for line in lines[:2]] == ["discriminator loss by", "part (nats)"] and len(lines) == 12
    below = text(replace(data, title="part (nats)"), 24, 11).splitlines()
    assert lines[1:] == below, "the chart itself is one row lower"
    assert "…" in text(data, 24, 5), "where there are few rows, the title is cut"
    assert "…" in text(replace(data, is_small=False), 24, 12).splitlines()[0]


@pytest.mark.parametrize("preset", registry.presets())
def test_the_titles_of_all_small_charts_are_whole(preset: str) -> None:
    plan = resolve(assemble(preset))
    with torch.device("meta"):
        model = registry.import_object(plan.family.build)(plan.model_options, plan.image_shape)
    of_points = (
        "energy distance of samples and data",
        "share of samples of high quality",
        "KL from the true density (nats)",
    )
    for title in (*(chart.label for chart in charts(model.metrics())), *of_points):
        assert all("…" not in line for line in wrap(title, 23, 2)), title


def test_clip_counts_cells() -> None:
    assert clip("日本語", 4) == "日…" and clip("abc", 3) == "abc" and clip("abc", 0) == ""
