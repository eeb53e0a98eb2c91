"""Curves and samples: options of the chart, choice of the metric, replay."""

from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.widgets import OptionList

from genexplorer.dashboard.charts.chart_view import ChartView
from genexplorer.dashboard.tabs.curves import CurvesPane
from genexplorer.session import formatting
from tests.fixtures.fake_run import write_run
from tests.genexplorer.dashboard.conftest import LARGE, SMALL, MakeApp, main_of, select, shows, text_of, until


async def test_scale_axis_smoothing_and_range(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=SMALL) as pilot:
        await shows(pilot, "train −")
        await pilot.press("plus", "plus")
        await shows(pilot, "smooth 0.8")
        await pilot.press("minus", "l")
        await shows(pilot, "smooth 0.5 · log")
        await pilot.press("l", "x")
        await shows(pilot, "time, h:m:s", "0:10")
        await pilot.press("x")
        await shows(pilot, "images", "200k")
        await pilot.press("x", "a")
        await until(pilot, lambda: "cropped" not in text_of(pilot), "the full range")


async def test_metric_from_the_list(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=SMALL) as pilot:
        await shows(pilot, "ELBO (nats)")
        await pilot.press("4", "m")
        await shows(pilot, "Which metric?", "learning rate", "gradient norm")
        await pilot.press("down", "down", "enter")
        await shows(pilot, "KL(q(z|x) ‖ p(z)) (nats)")


async def test_the_columns_of_the_list_of_metrics_do_not_touch(
    make_app: MakeApp, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with make_app(finished).run_test(size=SMALL) as pilot:
        await shows(pilot, "ELBO (nats)")
        pane = main_of(pilot).query_one(CurvesPane)
        assert pane.run is not None
        with monkeypatch.context() as patch:
            patch.setattr(formatting, "number", lambda value, unit="": "29,976 images/s")
            pane.action_choose_metric()
        await shows(pilot, "Which metric?")
        options = pilot.app.screen.query_one(OptionList)
        lines = [str(option.prompt) for option in options.options]
        assert all("29,976 images/s  " in line for line in lines), lines
        assert max(map(cell_len, lines)) <= options.content_size.width, "nothing is cut at 80 columns"


async def test_metric_by_a_click_on_a_small_chart(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=LARGE) as pilot:
        await shows(pilot, "reconstruction cost")
        await pilot.click("#small ChartView", offset=(3, 3))
        await until(pilot, lambda: "reconstruction" in main_of(pilot).query_one(CurvesPane).large_chart.data.title)


async def test_replay_moves_image_metrics_and_cursor(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=LARGE) as pilot:
        await shows(pilot, "● following", "step 2,500")
        newest = main_of(pilot).details.run
        await pilot.press("[")
        await shows(pilot, "viewing step 2,000 of 2,500", "step 2,000", "○ paused", "┊")
        previous = main_of(pilot).details.run
        assert previous is not None and newest is not None and previous.image is not newest.image
        assert previous.values["test/elbo_ema"] < newest.values["test/elbo_ema"]
        await pilot.press("[", "]", "L")
        await shows(pilot, "● following")
        step_selection = main_of(pilot).step_selection
        await pilot.press("greater_than_sign")  # from the newest step, playing starts at the first
        await until(pilot, lambda: step_selection.playing and step_selection.selected_step is not None)
        await until(pilot, lambda: step_selection.selected_step == 2500, "the last image")


async def test_click_on_the_curve_chooses_the_step(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=SMALL) as pilot:
        await shows(pilot, "train −")
        await pilot.click("#large", offset=(30, 5))
        await shows(pilot, "viewing step 1,000")


async def test_kinds_of_images(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=SMALL) as pilot:
        await pilot.press("2")
        await shows(pilot, "samples")
        await pilot.press("k")
        await shows(pilot, "manifold")
        await pilot.click("#samples .caption", offset=(2, 0))
        await shows(pilot, "reconstructions")


async def test_every_chart_marks_changed_settings(make_app: MakeApp, tmp_path: Path) -> None:
    write_run(tmp_path, name="brave-fox", steps=2500)  # its learning rate is changed at step 1,200
    write_run(tmp_path, name="calm-owl", steps=2500, seed=1)
    async with make_app(tmp_path).run_test(size=LARGE) as pilot:
        await select(pilot, "brave-fox")
        await shows(pilot, "▲lr ")
        small = [view for view in main_of(pilot).query("#small ChartView").results(ChartView) if view.data.lines]
        assert small and all([mark.text for mark in view.data.annotations] == ["▲"] for view in small)
        chart = main_of(pilot).query_one(CurvesPane).large_chart
        assert [mark.x for mark in chart.data.annotations] == [1200]
        # On the other axes, the mark is at the same step.
        await pilot.press("x")
        await until(pilot, lambda: chart.data.axis.is_time and chart.data.annotations)
        await pilot.press("x")
        await until(pilot, lambda: chart.data.axis.name == "images" and chart.data.annotations)
        assert chart.data.annotations[0].x == pytest.approx(1200 * 128, rel=0.01)
        await pilot.press("x", "space")
        await select(pilot, "calm-owl")
        await pilot.press("space")
        await until(
            pilot, lambda: [mark.text[:5] for mark in chart.data.annotations] == ["▲A lr", "▲B lr"], "marks of both"
        )
