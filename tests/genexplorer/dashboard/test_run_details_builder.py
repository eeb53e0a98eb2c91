"""The details of one run: what is read again, and when."""

from pathlib import Path

from genexplorer.dashboard.details import DetailsRequest
from genexplorer.dashboard.run_details_builder import MAX_CURVE_AGE_S, RunDetailsBuilder
from tests.fixtures.fake_run import running_run


def test_curves_are_read_again_when_longer_by_a_dot_or_old(tmp_path: Path) -> None:
    request, now = DetailsRequest(max_values=200), 1000.0
    with running_run(tmp_path, steps=1000) as run:
        builder = RunDetailsBuilder(run.folder)
        first = builder.build(request, now)
        assert max(series.x[-1] for series in first.curves.series.values()) > 900
        run.advance(3)
        run.writer.flush()
        soon = builder.build(request, now)
        assert soon.curves is first.curves and soon.values["train/elbo"] != first.values["train/elbo"]
        old = builder.build(request, now + MAX_CURVE_AGE_S)
        assert old.curves is not first.curves
        assert builder.build(request, now + 2 * MAX_CURVE_AGE_S).curves is old.curves  # no new points
        run.advance(50)
        run.writer.flush()
        grown = builder.build(request, now + MAX_CURVE_AGE_S)
        assert max(series.x[-1] for series in grown.curves.series.values()) > 1040
