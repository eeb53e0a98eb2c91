"""Which runs of a comparison are comparable, and the reasons why others are not."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from genexplorer.dashboard.charts.chart import ChartData, ChartLine, render_chart
from genexplorer.runs.reader import RunReader
from genexplorer.session import charts
from genexplorer.session.comparison import ComparableRun, compare, difference, list_notes
from tests.fixtures.fake_run import write_run
from trainers.events import MetricSpec, eval_metrics, train_metric

SETUP = "dynamic binarization (test images drawn once, fixed seed), Bernoulli likelihood, 1 sample of z, whole test set"
STATIC = SETUP.replace("dynamic binarization (test images drawn once, fixed seed)", "static binarization")
ELBO = (
    train_metric("elbo", "ELBO", "nats", "higher", setup="dynamic binarization, batch mean"),
    *eval_metrics("elbo", "test ELBO", "nats", "higher", setup=SETUP),
)
(CHART,) = charts.charts(ELBO)


def run(*specs: MetricSpec, dataset: str = "mnist", values: int = 5, setup: str = SETUP) -> ComparableRun:
    declared = {spec.name: replace(spec, setup=setup) if "test/" in spec.name else spec for spec in specs or ELBO}
    return ComparableRun(dataset, declared, dict.fromkeys(declared, values))


def test_only_runs_of_the_same_unit_setup_and_data_are_compared() -> None:
    density = [replace(spec, unit="bits/dim") for spec in ELBO]
    loss = train_metric("loss_d", "discriminator loss", "", "neither")
    runs = [run(), run(setup=STATIC), run(dataset="fashion-mnist"), run(*density), run(loss), run()]
    comparison = compare(runs, CHART)
    assert comparison.metric == "test/elbo_ema"
    assert comparison.reasons == {
        1: "static binarization, not dynamic binarization (test images drawn once, fixed seed)",
        2: "fashion-mnist, not mnist",
        3: "bits/dim, not nats",
        4: "no ELBO",
    }
    # The first run with the metric is the one that the others are compared with.
    assert set(compare([run(loss), run(setup=STATIC), run()], CHART).reasons) == {0, 2}


def test_train_and_test_values_are_never_mixed() -> None:
    only_train = ComparableRun("mnist", run().specs, {"train/elbo": 5})
    comparison = compare([run(), only_train], CHART)
    assert comparison.metric == "train/elbo" and not comparison.reasons
    nothing_yet = ComparableRun("mnist", run().specs, {})
    comparison = compare([run(), nothing_yet], CHART)
    assert comparison.metric == "test/elbo_ema" and comparison.reasons == {1: "no such values yet"}
    assert compare([nothing_yet], CHART).metric == ""


def test_speed_compares_across_data_sets() -> None:
    lr = MetricSpec("train/lr", "lr", "learning rate", "", "neither", "optimization")
    assert not difference(lr, lr, "mnist", "moons")
    assert difference(ELBO[1], ELBO[1], "mnist", "moons") == "mnist, not moons"
    speed = MetricSpec("speed/images_per_s", "images_per_s", "speed", "points/s", "higher", "speed")
    assert difference(speed, replace(speed, unit="images/s")) == "points/s, not images/s"
    assert difference(ELBO[1], replace(ELBO[1], setup="")) == SETUP


def test_left_out_runs_are_below_the_title_with_the_reason() -> None:
    import numpy as np

    x = np.arange(10.0)
    warnings = tuple(f"{letter} left out: static binarization" for letter in "BCDE")
    data = ChartData("ELBO (nats)", (ChartLine("A", "run0", x, x),), warnings=warnings)
    rows = ["".join(text for text, _ in row) for row in render_chart(data, 60, 20).rows]
    assert len(rows) == 20 and rows[0].startswith("ELBO") and [row.strip() for row in rows[1:5]] == list(warnings)
    rows = ["".join(text for text, _ in row) for row in render_chart(data, 60, 10).rows]
    assert len(rows) == 10 and rows[1].startswith("B left out") and rows[2].startswith("3 runs left out")
    assert any("└" in row for row in rows)
    assert len(render_chart(data, 60, 5).rows) == 5


@pytest.fixture
def two_runs(tmp_path: Path) -> list[Path]:
    return [write_run(tmp_path, name=name, steps=200) for name in ("older", "newer")]


def test_the_list_names_setups_that_differ(two_runs: list[Path]) -> None:
    newest_first = [RunReader(folder).status() for folder in reversed(two_runs)]
    assert list_notes(newest_first) == []
    with sqlite3.connect(two_runs[0] / "metrics.sqlite") as connection:
        connection.execute("UPDATE metrics SET setup = 'static \x1b[31mbinarization' WHERE name = 'test/elbo_ema'")
    connection.close()
    (note,) = list_notes(newest_first)
    assert note.startswith("test/elbo_ema of older is not comparable with that of newer: static")
    assert "\x1b" not in note
    # A database that cannot be read has no say; other data are another group.
    (two_runs[0] / "metrics.sqlite").write_bytes(b"nothing")
    assert list_notes(newest_first) == []
    other = replace(newest_first[1], dataset="fashion-mnist")
    assert list_notes([newest_first[0], other]) == ["objectives of different metrics or data are not comparable"]
