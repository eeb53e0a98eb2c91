"""One run read for the screen: what is read again, and when."""

from pathlib import Path

from genexplorer.dashboard.run_view_builder import OLDEST_S, RunViewBuilder
from genexplorer.dashboard.view import ViewRequest
from tests.fixtures.fake_run import running_run


def test_curves_of_a_training_are_read_anew_when_a_dot_longer_or_old(tmp_path: Path) -> None:
    wanted, now = ViewRequest(max_points=200), 1000.0
    with running_run(tmp_path, steps=1000) as run:
        reading = RunViewBuilder(run.folder)
        first = reading.look(wanted, now)
        assert max(series.x[-1] for series in first.curves.series.values()) > 900
        run.advance(3)
        run.writer.flush()
        soon = reading.look(wanted, now)
        assert soon.curves is first.curves and soon.values["train/elbo"] != first.values["train/elbo"]
        old = reading.look(wanted, now + OLDEST_S)
        assert old.curves is not first.curves
        assert reading.look(wanted, now + 2 * OLDEST_S).curves is old.curves  # nothing came
        run.advance(50)
        run.writer.flush()
        grown = reading.look(wanted, now + OLDEST_S)
        assert max(series.x[-1] for series in grown.curves.series.values()) > 1040
        reading.close()
