"""The Curves tab: what is drawn, how, and the click that moves time."""

import csv
import math
from pathlib import Path

import numpy as np
import pyqtgraph as pg
import pytest
from PyQt6.QtCore import QPointF, Qt
from PyQt6.QtGui import QImage
from pytestqt.qtbot import QtBot

from genexplorer.runs.branch import branch_point, create_branch, load_state
from genexplorer.runs.status.run_status import read_config
from genexplorer.runs.store import RunStore
from genexplorer.session.charts import Chart
from genexplorer.session.palette import LIGHT
from genexplorer.viewer.plots.base_plot import ChartAxis, linear_ticks, log_ticks, time_ticks
from genexplorer.viewer.plots.chart_curve import (
    ChartSettings,
    Curve,
    detail_window,
    out_of_range_peaks,
    range_with_label_room,
    spread_labels,
    value_at,
)
from genexplorer.viewer.plots.chart_plot import ChartPlot
from genexplorer.viewer.tabs.curves.metrics_panel import MIN_WIDTH_PX, MetricsPanel
from genexplorer.viewer.tabs.curves.tab import CurvesTab
from genexplorer.viewer.window import MainWindow
from tests.fixtures.fake_run import running_run, write_run
from tests.genexplorer.viewer.conftest import Stage, tab_of
from tests.genexplorer.viewer.mouse import QTest


@pytest.fixture
def curves(window: MainWindow) -> CurvesTab:
    tab = tab_of(window, "Curves")
    assert isinstance(tab, CurvesTab)
    return tab


def test_train_and_test_share_a_chart_with_labels_at_the_curves(curves: CurvesTab) -> None:
    assert list(curves.plots) == ["elbo", "recon", "kl", "kl_dim"]
    plot = curves.plots["elbo"]
    assert plot.title_label.text() == "ELBO (nats)"
    assert [label.toPlainText() for label, _, _ in plot._labels] == ["train", "test", "test, raw"]
    heights = sorted(label.pos().y() for label, _, _ in plot._labels)
    (bottom, top), pixels = plot.plot.getViewBox().viewRange()[1], plot.plot.getViewBox().height()
    assert min(np.diff(heights)) >= 12 * (top - bottom) / pixels  # no name lies on another


def test_line_and_values_follow_the_step(curves: CurvesTab, window: MainWindow) -> None:
    plot = curves.plots["kl"]
    window.context.step_selection.select(500)
    assert plot._step_line.value() == pytest.approx(500)
    early = plot.values_label.text()
    window.context.step_selection.select(1300)
    assert plot._step_line.value() == pytest.approx(1300)
    assert plot.values_label.text() != early and "train" in early
    assert "at step 1,300" in curves.metrics_panel.step_label.text()


def test_a_click_on_a_curve_selects_the_step(curves: CurvesTab, window: MainWindow, qtbot: QtBot) -> None:
    plot = curves.plots["elbo"]
    box = plot.plot.getViewBox()
    (low, high), (bottom, top) = box.viewRange()
    place = plot.plot.mapFromScene(box.mapViewToScene(QPointF(low + 0.45 * (high - low), (bottom + top) / 2)))
    QTest.mouseClick(plot.plot.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: not window.context.step_selection.following, timeout=5000)
    assert window.context.step_selection.selected_step == 500  # the snapshot nearest to some 650 steps
    assert window.time.step_label.text() == "step 500"


def test_the_crosshair_shows_values_in_every_chart(curves: CurvesTab) -> None:
    curves.plots["elbo"].pointed.emit(100.0)
    assert all(plot._crosshair.isVisible() and plot._crosshair.value() == 100.0 for plot in curves.plots.values())
    at_100 = curves.plots["recon"].values_label.text()
    curves.plots["elbo"].pointed.emit(math.nan)
    assert not curves.plots["recon"]._crosshair.isVisible() and curves.plots["recon"].values_label.text() != at_100


def test_keys_change_scale_axis_and_smoothing(curves: CurvesTab, window: MainWindow, qtbot: QtBot) -> None:
    QTest.keyClick(window, Qt.Key.Key_Y)
    elbo = curves.plots["elbo"]
    assert elbo.left.logarithmic and elbo.left.negated and "logarithmic" in elbo.title_label.text()
    assert elbo.left.tick_text(2.0, 1.0) == "−100"
    QTest.keyClick(window, Qt.Key.Key_X)
    QTest.keyClick(window, Qt.Key.Key_X)
    assert curves.settings.x_axis == "time" and elbo.bottom.tick_text(75.0, 15.0) == "1:15"
    before = curves.settings.smoothing
    QTest.keyClick(window, Qt.Key.Key_Minus)
    assert curves.settings.smoothing == pytest.approx(before - 0.1)
    assert curves.x_of_step(1300) == pytest.approx(1300 * 128 / 18100, rel=0.01)
    assert curves.step_of_x(curves.x_of_step(650) or 0) == pytest.approx(650, abs=2)


def test_smoothing_keeps_the_raw_curve_and_touches_no_test_curve(curves: CurvesTab) -> None:
    plot = curves.plots["elbo"]
    curves.change_settings(smoothing=0.9)
    smoothed = plot._curve_items[plot._curves[0].metric].y.copy()
    items = len(plot.plot.getPlotItem().listDataItems())
    curves.change_settings(smoothing=0.0)
    raw = plot._curve_items[plot._curves[0].metric].y
    assert np.nanstd(np.diff(smoothed)) < 0.5 * np.nanstd(np.diff(raw))
    assert len(plot.plot.getPlotItem().listDataItems()) == items - 1  # the faint one is gone
    np.testing.assert_array_equal(plot._curve_items[plot._curves[1].metric].y, plot._curves[1].mean)


def test_changes_are_marked(curves: CurvesTab) -> None:
    plot = curves.plots["elbo"]
    assert [(line.value(), line.label.format) for line in plot._change_lines] == [(1200.0, "▲ lr 0.0005")]


def test_the_curve_of_a_parent_is_quieter_than_that_of_its_branch(stage: Stage, tmp_path: Path, qtbot: QtBot) -> None:
    store = RunStore(tmp_path / "runs")
    parent = write_run(store, steps=700, state="stopped", name="calm-owl")
    point = branch_point(parent)
    curves = tab_of(
        stage.window(create_branch(store, point, load_state(point), read_config(parent), values={})), "Curves"
    )
    qtbot.waitUntil(lambda: "elbo" in curves.plots, timeout=5000)
    plot = curves.plots["elbo"]

    def end_of_parent() -> float:
        (region,) = [item for item in plot.plot.getPlotItem().items if isinstance(item, pg.LinearRegionItem)]
        return float(region.getRegion()[1])

    assert end_of_parent() == 700
    assert [line.label.format for line in plot._change_lines] == ["▲ from calm-owl at step 700"]
    curves.change_settings(x_axis="images")
    assert end_of_parent() == 700 * 128


def test_quantities_are_selected_by_check_boxes(curves: CurvesTab) -> None:
    curves.metrics_panel.boxes["lr"].setChecked(True)
    assert "lr" in curves.plots
    for quantity in ("elbo", "recon", "kl", "kl_dim"):
        curves.metrics_panel.boxes[quantity].setChecked(False)
    assert list(curves.plots) == ["lr"]
    curves.metrics_panel.reset_requested.emit()
    assert "elbo" in curves.plots and "lr" not in curves.plots


def test_new_points_are_drawn_as_they_come(stage: Stage, tmp_path: Path, qtbot: QtBot) -> None:
    with running_run(tmp_path / "live", steps=200) as run:
        window = stage.window(run.folder)
        curves = tab_of(window, "Curves")
        qtbot.waitUntil(lambda: "elbo" in curves.plots, timeout=5000)
        first = curves.plots["elbo"].x_extent[1]
        run.advance(200)
        run.writer.flush()
        qtbot.waitUntil(lambda: curves.plots["elbo"].x_extent[1] >= first + 150, timeout=5000)


def test_a_zoom_is_shared_and_zero_shows_the_full_range(curves: CurvesTab, window: MainWindow, qtbot: QtBot) -> None:
    curves.plots["elbo"].zoomed.emit((200.0, 400.0))
    for plot in curves.plots.values():
        assert plot.plot.getViewBox().viewRange()[0] == pytest.approx([200, 400])
    QTest.keyClick(window, Qt.Key.Key_0)
    low, high = curves.plots["kl"].plot.getViewBox().viewRange()[0]
    assert low < 10 and high > 1300


def test_charts_are_saved_as_image_and_csv(curves: CurvesTab, tmp_path: Path) -> None:
    picture, numbers, vectors = curves.save_targets()
    vectors.write(tmp_path / "elbo.svg")
    assert "ELBO (nats)" in (tmp_path / "elbo.svg").read_text()
    picture.write(tmp_path / "charts.png")
    assert QImage(str(tmp_path / "charts.png")).width() > 400
    numbers.write(tmp_path / "charts.csv")
    rows = list(csv.DictReader((tmp_path / "charts.csv").read_text().splitlines()))
    last = [row for row in rows if row["metric"] == "train/kl"][-1]
    assert float(last["step"]) == 1300 and 5 < float(last["mean"]) < 8 and last["unit"] == "nats"


def test_peaks_far_out_of_range_are_found_once_each() -> None:
    x = np.arange(1000.0)
    low, high = np.full(1000, -1.0), np.full(1000, 1.0)
    high[500], high[503], low[100] = 1e6, 5.0, -300.0
    high[900] = 1.5  # not far
    peaks = out_of_range_peaks(x, low, high, (0.0, 1000.0), (-1.0, 1.0))
    assert peaks == [(500.0, 1e6), (100.0, -300.0)]
    assert out_of_range_peaks(x, low, high, (510.0, 1000.0), (-1.0, 1.0)) == []


def chart_with(
    mean: np.ndarray, high: np.ndarray, special_x: tuple[float, ...] = (), smoothing: float = 0.0
) -> ChartPlot:
    chart = Chart("loss", "Loss", "", "objective", ("train/loss",), "lower")
    plot = ChartPlot(chart, LIGHT)
    x = np.arange(float(len(mean)))
    curve = Curve("train/loss", chart.style("train/loss"), x, mean, mean, high, special_x)
    plot.set_curves([curve], ChartSettings(smoothing=smoothing), [])
    plot.resize(600, 300)
    plot.set_range(0.0, len(mean) + 100.0, None)
    return plot


@pytest.mark.parametrize("smoothing", [0.0, 0.98])
def test_a_hidden_spike_has_an_arrow_with_its_value(qtbot: QtBot, smoothing: float) -> None:
    mean = np.linspace(100.0, 90.0, 1000)
    high = mean.copy()
    mean[500], high[500] = 1100.0, 1e6
    plot = chart_with(mean, high, smoothing=smoothing)
    qtbot.addWidget(plot)
    assert [label.toPlainText() for label in plot.peak_labels] == ["▲ 1.0e+6"]


def test_arrows_of_two_curves_do_not_overlap(qtbot: QtBot) -> None:
    metrics = ("train/loss_d", "train/loss_g")
    plot = ChartPlot(Chart("loss", "Losses", "", "objective", metrics, "lower"), LIGHT)
    qtbot.addWidget(plot)
    x = np.arange(1000.0)
    curves = []
    for number, metric in enumerate(metrics):
        y = np.linspace(100.0, 90.0, 1000) + number
        y[5 + number] = 1e5 * (number + 1)
        curves.append(Curve(metric, plot.chart.style(metric), x, y, y, y, ()))
    plot.set_curves(curves, ChartSettings(smoothing=0.0), [])
    plot.resize(600, 300)
    plot.set_range(0.0, 1100.0, None)
    assert [label.toPlainText() for label in plot.peak_labels] == ["▲ 200,000"]  # the larger one


def test_a_value_below_the_first_steps_has_an_arrow_that_is_not_cut(qtbot: QtBot) -> None:
    mean = np.linspace(-200.0, -150.0, 1000)
    mean[0] = -543.1  # at the lower left corner
    plot = chart_with(mean, mean)
    qtbot.addWidget(plot)
    plot.show()
    (label,) = plot.peak_labels
    assert label.toPlainText() == "▼ −543.1"
    qtbot.waitUntil(lambda: plot.plot_width() > 100, timeout=5000)
    plot.set_range(0.0, 1100.0, None)
    (label,) = plot.peak_labels
    box, place = plot.plot.getViewBox().sceneBoundingRect(), label.mapRectToScene(label.boundingRect())
    assert box.left() - 1 <= place.left() and place.right() <= box.right() + 1 and place.bottom() <= box.bottom() + 1


def test_nan_is_marked_at_its_x_on_any_axis(qtbot: QtBot) -> None:
    plot = chart_with(np.ones(100), np.ones(100), (12.5, 40.0))
    qtbot.addWidget(plot)
    assert [line.value() for line in plot.special_marks] == [12.5, 40.0]


def test_a_smoothed_value_is_marked_with_the_raw_one_beside_it(qtbot: QtBot) -> None:
    values = np.r_[np.zeros(500), np.ones(500)]
    plot = chart_with(values, values, smoothing=0.98)
    qtbot.addWidget(plot)
    plot.show_values(500.0)
    assert plot.values_label.text().startswith("train 1.00, smoothed 0.02")


def test_smoothing_is_the_same_in_a_detail(qtbot: QtBot) -> None:
    values = np.linspace(0.0, 1.0, 1000) ** 2
    plot = chart_with(values, values, smoothing=0.98)
    qtbot.addWidget(plot)
    before = plot._curve_items["train/loss"].value_at(905.0)
    x = np.arange(900.0, 930.0, 0.25)
    detail = (x / 999) ** 2
    plot.show_detail(Curve("train/loss", plot.chart.style("train/loss"), x, detail, detail, detail))
    assert plot._curve_items["train/loss"].value_at(905.0) == pytest.approx(before, abs=2e-3)


def test_ticks_are_round() -> None:
    assert linear_ticks(-163.0, -141.0, 4) == pytest.approx([-160, -150])
    assert log_ticks(0.0008, 1200.0, 6) == pytest.approx([0.001, 0.01, 0.1, 1, 10, 100, 1000])
    assert log_ticks(137.0, 210.0, 4) == pytest.approx([140, 160, 180, 200])
    assert time_ticks(0.0, 61.0, 4) == [0, 30, 60]


def test_ticks_of_tiny_values_differ() -> None:
    axis = ChartAxis("left")
    assert [axis.tick_text(value, 1e-8) for value in (2.19e-6, 2.2e-6)] == ["2.19e−6", "2.20e−6"]
    assert axis.tick_text(0.0049, 2e-5) == "0.00490" and axis.tick_text(3e6, 1e6) == "3.0e6"


def test_a_long_name_leaves_room_for_its_value(qtbot: QtBot) -> None:
    metrics_panel = MetricsPanel()
    qtbot.addWidget(metrics_panel)
    name = "negative log-likelihood of a point and of another"
    metrics_panel.show_charts([Chart("nll", name, "nats", "objective", ("test/nll_ema",), "lower")], set())
    metrics_panel.show_step(700, {"test/nll_ema": 2.41})
    metrics_panel.resize(metrics_panel.sizeHint().width(), 600)
    metrics_panel.show()
    box, value = metrics_panel.boxes["nll"], metrics_panel._values["nll"]
    right = value.mapTo(metrics_panel, value.rect().topRight()).x()
    assert value.text() == "2.41 nats" and value.width() >= value.sizeHint().width() and right < metrics_panel.width()
    assert box.text().split("\n") == ["negative log-likelihood of a point", "and of another"]
    assert box.toolTip() and box.accessibleName() == name
    qtbot.waitUntil(lambda: box.height() >= 2 * box.fontMetrics().height(), timeout=5000)


def test_labels_do_not_overlap_and_stay_inside() -> None:
    assert spread_labels([10.0, 9.9, 9.8], 1.0, 0.0) == pytest.approx([10.0, 9.0, 8.0])
    assert spread_labels([0.4, 0.3], 1.0, 0.0) == pytest.approx([1.0, 0.0])
    assert spread_labels([], 1.0, 0.0) == []


def test_the_value_is_the_last_one_at_or_before() -> None:
    x, y = np.array([0.0, 10, 20]), np.array([1.0, np.nan, 3.0])
    assert value_at(x, y, 15) == 1.0 and value_at(x, y, 20) == 3.0 and value_at(x, y, -1) is None


def test_names_have_room_in_narrow_and_wide_charts() -> None:
    for width in (200.0, 1600.0):
        low, high = range_with_label_room(0, 1000, width)
        assert (high - 1000) / (high - low) * width == pytest.approx(60, rel=0.05)


def test_names_and_values_fit_after_the_window_has_shrunk(curves: CurvesTab, window: MainWindow, qtbot: QtBot) -> None:
    plot = curves.plots["elbo"]
    for size in ((1400, 900), (1000, 700)):
        window.resize(*size)

        def names_fit() -> bool:
            low, high = plot.plot.getViewBox().viewRange()[0]
            room = max(each.label_width_px for each in curves.plots.values())
            return bool(abs((high - plot.x_extent[1]) / (high - low) * plot.plot_width() - room) < 6)

        qtbot.waitUntil(names_fit, timeout=5000)
        needed = plot.values_label.fontMetrics().horizontalAdvance(plot.values_label.text())
        assert needed <= plot.width() - plot.title_label.sizeHint().width()


def test_the_visible_part_of_a_zoom_is_read_in_detail(
    curves: CurvesTab, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "genexplorer.viewer.tabs.curves.tab.MAX_CURVE_VALUES", 100
    )  # as if the run were ten times as long
    curves.change_settings(smoothing=0.0)
    curves._is_stale = True
    curves.refresh()
    plot = curves.plots["elbo"]
    metric, items = plot._curves[0].metric, list(plot.plot.getPlotItem().items)
    full = plot._curve_items[metric].curve.x
    assert len(full) <= 100 and full[-1] > 1200
    plot.zoomed.emit((600.0, 620.0))
    qtbot.waitUntil(lambda: curves.detail.is_complete, timeout=5000)
    detail = plot._curve_items[metric].curve.x
    np.testing.assert_array_equal(detail[(detail >= 600) & (detail <= 620)], np.arange(600, 621))  # each step is there
    assert detail[-1] < 700 and plot.x_extent[1] > 1200 and plot.plot.getPlotItem().items == items
    line = plot._curve_items[metric].line
    assert np.array_equal(line.xData, detail)
    run = curves.context.run
    assert run is not None
    exact = dict(zip(detail, plot._curve_items[metric].curve.mean, strict=True))
    assert exact[610] == pytest.approx(run.values_at(610)[metric])
    loaded = curves.detail.detail_range
    plot.zoomed.emit((603.0, 623.0))
    assert curves.detail.detail_range == loaded and curves.detail.is_complete  # a pan finds its part there already
    assert not line.opts["antialias"]
    qtbot.waitUntil(lambda: bool(line.curve.opts["antialias"]), timeout=5000)  # smooth again at rest
    curves.show_full_range()
    assert np.array_equal(plot._curve_items[metric].curve.x, full) and np.array_equal(line.xData, full)


def test_the_detail_extends_beyond_the_visible_part_and_changes_rarely() -> None:
    windows = []
    for middle in np.linspace(3e5, 7e5, 1001):
        window = detail_window(middle - 5e3, middle + 5e3, 0, 1e6)
        assert window is not None and window[0] <= middle - 1e4 and window[1] >= middle + 1e4
        assert window[1] - window[0] < 5e4
        windows.append(window)
    assert len(set(windows)) < 90  # of a pan along forty times what is seen
    assert detail_window(0, 6e5, 0, 1e6) is None and detail_window(5, 5, 0, 1e6) is None


def test_the_list_of_metrics_has_no_holes_after_a_run_without_metrics(qtbot: QtBot) -> None:
    panel = MetricsPanel()
    qtbot.addWidget(panel)
    panel.resize(300, 900)
    panel.show()
    short = [Chart("elbo", "ELBO", "nats", "objective", ("test/elbo_ema",), "higher")]
    long = [Chart(f"m{n}", f"metric {n}", "", "objective", (f"test/m{n}_ema",), "lower") for n in range(12)]
    for charts in ([], short, long):
        panel.show_charts(charts, set())
    qtbot.waitUntil(lambda: panel.boxes["m11"].y() > panel.boxes["m0"].y(), timeout=5000)
    distances = np.diff([panel.boxes[f"m{n}"].y() for n in range(12)])
    assert distances.max() <= distances.min() + 1 and panel.boxes["m0"].y() < 3 * panel.boxes["m0"].height()


def test_names_are_whole_and_every_value_has_its_unit(curves: CurvesTab, window: MainWindow, qtbot: QtBot) -> None:
    panel = curves.metrics_panel
    qtbot.waitUntil(lambda: all(box.width() >= box.full_width_px for box in panel.boxes.values()), timeout=5000)
    assert not any("…" in box.text() for box in panel.boxes.values()) and panel.width() >= MIN_WIDTH_PX
    assert panel._values["elbo"].text().endswith(" nats")
