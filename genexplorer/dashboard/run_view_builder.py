"""One run, read for the screen: what changed is read again, what did not stays the same object."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from genexplorer.dashboard.images.load import load_tiles
from genexplorer.dashboard.view import NUM_SMALL, ComparedRun, RunCurves, RunView, TiledImage, ViewRequest
from genexplorer.errors import UserError
from genexplorer.runs import layout
from genexplorer.runs.record import PictureRef, RunStatus, State
from genexplorer.session.charts import Chart, charts, chosen_chart
from genexplorer.session.gallery import watch_for
from genexplorer.session.run_poller import RunPoller
from trainers.theory import Theory

if TYPE_CHECKING:
    from trainers.model_card import ModelCard

_SMALL_POINTS = 80  # of each curve in the small charts
DOT = 1 / 200  # of a chart's width: curves that have grown by so much, or are older than this, are read and drawn anew:
OLDEST_S = 3.0  # drawing them is most of what a dashboard costs a training
_LOG_LINES = 500
_KINDS = ("samples", "manifold", "reconstructions", "trace")


class RunViewBuilder:
    """Follows one run in the reading thread and keeps what was read until it changes."""

    def __init__(self, folder: Path) -> None:
        self._run = RunPoller(folder)
        self._folder = folder
        self._curves = RunCurves()
        self._curves_for: ViewRequest | None = None
        self._curves_at = (0, 0.0)  # step and time of their reading
        self._curves_old = False
        self._theory: Theory | None = None
        self._picture: TiledImage | None = None
        self._values: dict[str, float] = {}
        self._values_at: int | None = None
        self._card: ModelCard | None = None
        self._last_words = ""
        self._last_words_state: State | None = None

    @property
    def watching(self) -> bool:
        """Whether the worker is told that somebody looks, so that it takes snapshots more often."""
        return self._run.watching

    @watching.setter
    def watching(self, value: bool) -> None:
        self._run.watching = value

    def stay_calm(self, calm: bool) -> None:
        """Say whether nobody has touched a key for a while."""
        self._run.calm = calm

    def close(self) -> None:
        """Let go of the run's files."""
        self._run.close()

    def look(self, wanted: ViewRequest, now: float) -> RunView:
        """Return what is to be shown of this run."""
        with self._run.together():
            return self._look(wanted, now)

    def _look(self, wanted: ViewRequest, now: float) -> RunView:
        changed = self._run.poll()
        status = self._run.status
        self._curves_old |= "metrics" in changed
        if self._curves_for != _curve_key(wanted) or (self._curves_old and self._has_grown(now)):
            self._read_curves(wanted)
            self._curves_at, self._curves_old = (self._last_step(), now), False
        if "snapshots" in changed:
            self._read_card()
        self._read_values(wanted.at_step, fresh="metrics" in changed)
        kinds = _kinds(self._run.pictures)
        steps = tuple(sorted({ref.step for ref in self._refs(wanted.kind)}))
        return RunView(
            folder=self._folder,
            status=status,
            config=self._run.config,
            theory=self._theory_now(),
            curves=self._curves,
            values=self._values,
            log=tuple(self._run.log)[-_LOG_LINES:],
            alerts=tuple(self._run.alerts),
            changes=tuple(self._run.changes),
            picture_kinds=kinds,
            picture_steps=steps or tuple(self._run.snapshots),
            picture=self._read_picture(wanted),
            snapshots=tuple(self._run.snapshots),
            snapshot_age_s=self._snapshot_age(now) if status.state.live else None,
            at_step=wanted.at_step,
            cursor_x=None if wanted.at_step is None else self._run.x_at(wanted.at_step, wanted.x),
            card=self._card,
            last_words=self._words(status),
            problem=self._run.problem,
            watch_for=watch_for(self._run.config),
        )

    def compare(self, wanted: ViewRequest) -> ComparedRun:
        """Return this run's curves of the wanted quantity."""
        with self._run.together():
            self._run.poll()
            chart = _chosen(charts(self._run.specs), wanted.quantity, self._theory_now())
            metrics = chart.metrics if chart is not None else ()
            series = self._run.several_series(metrics, wanted.x, wanted.max_points)
        return ComparedRun(self._run.status, series)

    def _has_grown(self, now: float) -> bool:
        step, read_at = self._curves_at
        grown, old = abs(self._last_step() - step) >= DOT * step, abs(now - read_at) >= OLDEST_S
        return grown or old or not self._run.status.state.live

    def _last_step(self) -> int:
        return max((point.step for point in self._run.latest.values()), default=0)

    def _read_curves(self, wanted: ViewRequest) -> None:
        made = tuple(charts(self._run.specs))
        theory = self._theory_now()
        large = _chosen(made, wanted.quantity, theory)
        beside = [chart for chart in made if chart is not large][:NUM_SMALL] if wanted.small else []
        small = [name for chart in beside for name in chart.metrics]
        series = self._run.several_series(small, wanted.x, min(_SMALL_POINTS, wanted.max_points))
        series |= self._run.several_series(large.metrics if large is not None else (), wanted.x, wanted.max_points)
        steps = self._run.series(large.metrics[0], "step", wanted.max_points).x if large is not None else None
        self._curves = RunCurves(made, series, wanted.x, steps)
        self._curves_for = _curve_key(wanted)

    def _read_card(self) -> None:
        if self._card is None and self._run.snapshots:
            try:
                self._card = self._run.card()
            except (UserError, OSError):
                self._card = None  # thinned away between two looks: the next snapshot tells

    def _read_values(self, at_step: int | None, *, fresh: bool) -> None:
        if at_step is None:
            self._values = self._run.values_at(None)
        elif fresh or self._values_at != at_step:
            self._values = dict(self._run.values_at(at_step))
        self._values_at = at_step

    def _theory_now(self) -> Theory | None:
        config = self._run.config
        if self._theory is None and config is not None:
            with suppress(UserError):  # a family of a package that is not installed here
                self._theory = config.theory()
        return self._theory

    def _read_picture(self, wanted: ViewRequest) -> TiledImage | None:
        refs = self._refs(wanted.kind)
        at = wanted.at_step
        past = [ref for ref in refs if at is None or ref.step <= at]
        ref = past[-1] if past else (refs[0] if refs else None)
        if ref is None:
            self._picture = None
        elif self._picture is None or self._picture.ref != ref:
            self._picture = load_tiles(ref) or self._picture
        return self._picture

    def _snapshot_age(self, now: float) -> float | None:
        if not self._run.snapshots:
            return None
        folder = layout.step_folder(self._folder / layout.SNAPSHOTS, self._run.snapshots[-1])
        try:
            return max(now - folder.stat().st_mtime, 0.0)
        except OSError:
            return None

    def _refs(self, kind: str) -> list[PictureRef]:
        """Return the pictures of a kind, or of the first kind there is."""
        pictures = self._run.pictures
        chosen = kind if kind in pictures else next(iter(_kinds(pictures)), "")
        return pictures.get(chosen, [])

    def _words(self, status: RunStatus) -> str:
        if status.state not in (State.LOST, State.FAILED):
            self._last_words_state = None  # another attempt may end with other words
            return ""
        if status.state is not self._last_words_state:
            self._last_words_state = status.state
            self._last_words = self._run.last_words()
        return self._last_words


def _curve_key(wanted: ViewRequest) -> ViewRequest:
    """Return what the curves depend on."""
    return replace(wanted, selected=None, compared=(), kind="", at_step=None)


def _chosen(made: list[Chart] | tuple[Chart, ...], quantity: str, theory: Theory | None) -> Chart | None:
    return chosen_chart(made, quantity, theory.total if theory else "")


def _kinds(pictures: dict[str, list[PictureRef]]) -> tuple[str, ...]:
    """Return the kinds of pictures there are, in a fixed order."""
    known = [kind for kind in _KINDS if kind in pictures]
    return (*known, *sorted(set(pictures) - set(known)))
