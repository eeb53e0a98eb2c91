"""Charts, ticks and braille lines, without a screen."""

import numpy as np
import pytest

from genexplorer.dashboard.charts.braille import BrailleCanvas, Dash
from genexplorer.dashboard.charts.chart import ChartData, ChartLine, ChartMark, clip, draw
from genexplorer.dashboard.charts.ticks import AxisScale, log_kind, tick_texts, ticks, time_ticks

STEPS = np.arange(0, 4001, 20, dtype=np.float64)
FALLING = 100 + 400 * np.exp(-STEPS / 60)


def text(drawing: ChartData, width: int = 78, height: int = 15) -> str:
    return "\n".join("".join(character for character, _ in row) for row in draw(drawing, width, height).rows)


def one_line(y: np.ndarray = FALLING, **options: object) -> ChartData:
    return ChartData("loss (nats)", (ChartLine("train", "train", STEPS, y),), **options)  # type: ignore[arg-type]


def test_a_diagonal_fills_the_corners() -> None:
    canvas = BrailleCanvas(4, 2)
    canvas.polyline(np.array([0.0, 1.0]), np.array([0.0, 1.0]), 0)
    cells = canvas.cells()
    assert cells[1][0] == ("⣠", 0) or cells[1][0][0] != " "
    assert cells[0][3][0] != " " and cells[0][0][0] == " "


def test_gaps_stay_gaps_and_lone_points_are_drawn() -> None:
    canvas = BrailleCanvas(10, 1)
    canvas.polyline(np.array([0.0, 0.1, 0.2, 0.9]), np.array([0.5, np.nan, np.nan, 0.5]), 0)
    drawn = [column for column, (character, _) in enumerate(canvas.cells()[0]) if character != " "]
    assert drawn == [0, 8]


def test_a_bold_line_replaces_a_faint_one_and_keeps_an_equal() -> None:
    level = np.array([0.0, 1.0])
    canvas = BrailleCanvas(3, 1)
    canvas.polyline(level, np.array([1.0, 1.0]), 0, faint=True)
    canvas.polyline(level, np.array([0.0, 0.0]), 1)
    assert canvas.cells()[0][1] == ("⣀", 1)
    canvas.polyline(level, np.array([1.0, 1.0]), 2)
    assert canvas.cells()[0][1] == ("⣉", 2)


def test_a_dotted_line_has_fewer_dots() -> None:
    def dots(dash: Dash) -> int:
        canvas = BrailleCanvas(30, 2)
        canvas.polyline(np.array([0.0, 1.0]), np.array([0.5, 0.5]), 0, dash)
        return sum((ord(c) - 0x2800).bit_count() for row in canvas.cells() for c, _ in row if c != " ")

    assert dots(Dash(1, 2)) < dots(Dash(5, 3)) < dots(Dash())


def test_far_away_values_cost_nothing() -> None:
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


def test_ticks_of_an_explosion_have_no_letter() -> None:
    assert tick_texts([0.0, 5e13, 1.5e14]) == ["0", "5e13", "1.5e14"]


def test_log_ticks_are_decades() -> None:
    assert ticks(AxisScale(0.001, 10, "log"), 5) == pytest.approx([0.001, 0.01, 0.1, 1, 10])
    assert ticks(AxisScale(-1000, -1, "mirrored log"), 4) == pytest.approx([-1000, -100, -10, -1])


def test_times_are_round_times() -> None:
    assert time_ticks(0, 300, 6) == [0, 60, 120, 180, 240, 300]


@pytest.mark.parametrize("kind", ["linear", "log", "mirrored log"])
def test_a_scale_is_inverted_by_value(kind: str) -> None:
    scale = AxisScale(-100, -1, "mirrored log") if kind == "mirrored log" else AxisScale(1, 100, kind)  # type: ignore[arg-type]
    for fraction in (0.0, 0.3, 1.0):
        assert scale.fraction(np.array([scale.value(fraction)]))[0] == pytest.approx(fraction)


def test_log_needs_one_sign() -> None:
    assert log_kind(np.array([1.0, 5.0])) == "log"
    assert log_kind(np.array([-1.0, -5.0])) == "mirrored log"
    assert log_kind(np.array([-1.0, 5.0])) is None


def test_a_chart_names_its_axes_and_its_lines() -> None:
    shown = text(one_line(marks=(ChartMark(2000, "▲lr 0.001"),)))
    assert "loss (nats)" in shown and "step" in shown and "train 100" in shown and "▲lr 0.001" in shown


def test_the_steep_start_is_left_off_and_said_so() -> None:
    assert "starts at 500" in text(one_line())
    whole = text(one_line(whole=True))
    assert "starts" not in whole.splitlines()[0] and "│⢸" in whole.splitlines()[1]


def test_log_changes_the_ticks() -> None:
    assert "log needs" not in text(one_line(log=True))
    assert "200" in text(one_line(log=True))
    mixed = text(one_line(FALLING - 150, log=True))
    assert "no log: both signs" in mixed


def test_no_points_say_what_comes() -> None:
    assert "soon" in text(ChartData("loss", (), empty="soon"))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (5, 3), (12, 4), (30, 8), (78, 15), (190, 40)])
def test_any_size_is_filled_exactly(width: int, height: int) -> None:
    rows = draw(one_line(cursor=2000.0, marks=(ChartMark(100, "▲x"),)), width, height).rows
    assert len(rows) == height and all(len(row) == width for row in rows)


def test_no_size_is_too_small_for_the_time_cursor() -> None:
    whole = one_line(cursor=3900.0, marks=(ChartMark(100, "▲lr"), ChartMark(4000, "▲paused")))
    for width in range(1, 50):
        for height in range(1, 9):
            plot = draw(whole, width, height)
            assert len(plot.rows) == height and {len(row) for row in plot.rows} == {width}


def test_values_that_never_change_are_drawn() -> None:
    assert "train 3" in text(one_line(np.full_like(STEPS, 3.0)))


def test_a_click_is_told_as_an_x() -> None:
    plot = draw(one_line(), 78, 15)
    assert plot.x_at(0) is None
    middle = plot.x_at(plot.left + plot.columns // 2)
    assert middle == pytest.approx(2000, rel=0.05)


def test_labels_do_not_cover_each_other() -> None:
    lines = tuple(ChartLine(f"run {i}", "train", STEPS, FALLING + i * 1e-3) for i in range(4))
    shown = text(ChartData("loss", lines))
    assert all(f"run {i}" in shown for i in range(4))


def test_clip_counts_cells() -> None:
    assert clip("日本語", 4) == "日…" and clip("abc", 3) == "abc" and clip("abc", 0) == ""
