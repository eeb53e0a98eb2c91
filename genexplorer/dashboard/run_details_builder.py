"""Builds the `RunDetails` of one run. Only changed parts are read again; all others stay the same objects."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from genexplorer.dashboard.details import (
    NUM_SMALL_CHARTS,
    ComparedRun,
    DetailsRequest,
    RunCurves,
    RunDetails,
    TiledImage,
)
from genexplorer.dashboard.images.tiles import load_tiles
from genexplorer.errors import UserError
from genexplorer.runs import layout
from genexplorer.runs.record import ImageRef, RunStatus, State, XAxis
from genexplorer.session.change_marks import ChangeMark, branch_start, change_marks
from genexplorer.session.charts import Chart, charts, selected_chart
from genexplorer.session.preset_info import expected_failure
from genexplorer.session.run_poller import RunPoller
from trainers.theory import Theory

if TYPE_CHECKING:
    from trainers.config import RunConfig
    from trainers.model_card import ModelCard

# Drawing curves is most of what a dashboard costs a training, so they are read again only after visible growth or after
# some seconds.
MIN_GROWTH_FRACTION = 1 / 200  # of the last step: about one braille dot of a wide chart
MAX_CURVE_AGE_S = 3.0
_MAX_SMALL_CHART_VALUES = 80  # of each curve in a small chart
_MAX_LOG_LINES = 500
_IMAGE_KIND_ORDER = ("samples", "manifold", "reconstructions", "trace")


class RunDetailsBuilder:
    """Polls one run and caches its data until they change. Belongs to the polling thread."""

    def __init__(self, folder: Path) -> None:
        self._run_poller = RunPoller(folder)
        self._folder = folder
        self._curves = RunCurves()
        self._curves_request: DetailsRequest | None = None
        self._curves_read_at = (0, 0.0)  # step of the newest metric, and Unix time
        self._curves_stale = False
        self._theory: Theory | None = None
        self._theory_config: RunConfig | None = None  # of `_theory`
        self._marks: tuple[tuple[float, str], ...] = ()
        self._image: TiledImage | None = None
        self._image_ref: ImageRef | None = None  # of `_image`
        self._card: ModelCard | None = None
        self._log_tail = ""
        self._log_tail_state: State | None = None

    def set_watched(self, *, is_watched: bool, is_idle: bool) -> None:
        """Set whether polls report a watcher, for which the worker saves snapshots more often, unless it is idle."""
        self._run_poller.watching, self._run_poller.watcher_idle = is_watched, is_idle

    def build(self, request: DetailsRequest, now: float) -> RunDetails:
        """Poll the run and return its details.

        Args:
            request: What to show of it.
            now: Unix time, for the ages of curves and snapshots.
        """
        with self._run_poller.open_database():
            changed = self._run_poller.poll()
            status = self._run_poller.status
            # Read curves that have grown visibly or are old.
            self._curves_stale |= "metrics" in changed
            last_step = max((point.step for point in self._run_poller.latest.values()), default=0)
            # Differences are absolute: a run that restarts goes back in steps, an adjusted clock in time.
            read_step, read_at = self._curves_read_at
            grown = abs(last_step - read_step) >= MIN_GROWTH_FRACTION * read_step
            old = abs(now - read_at) >= MAX_CURVE_AGE_S
            due = self._curves_stale and (grown or old or not status.state.active)
            if due or self._curves_request != _curves_key(request):
                self._read_curves(request)
                self._curves_read_at, self._curves_stale = (last_step, now), False
                self._marks = self._read_marks(request.x_axis)
            elif "commands" in changed:
                self._marks = self._read_marks(request.x_axis)
            # Read what else has changed.
            if "snapshots" in changed and self._card is None and self._run_poller.snapshots:
                with suppress(UserError, OSError):  # deleted between two polls: the next snapshot has a card, too
                    self._card = self._run_poller.card()
            # Assemble the details.
            step = request.selected_step
            selected_x = None if step is None else self._run_poller.x_at(step, request.x_axis)
            start = branch_start(self._run_poller.command_history)
            image_steps = tuple(sorted({ref.step for ref in self._image_refs(request.image_kind)}))
            return RunDetails(
                folder=self._folder,
                status=status,
                config=self._run_poller.config,
                present_config=self._run_poller.config_at(),
                changes=self._run_poller.changes,
                theory=self._read_theory(step),
                curves=self._curves,
                values=self._run_poller.values_at(request.selected_step),
                log=tuple(self._run_poller.log)[-_MAX_LOG_LINES:],
                alerts=tuple(self._run_poller.alerts),
                marks=self._marks,
                inherited_until=None if start is None else self._x_of(start, request.x_axis),
                image_kinds=_ordered_image_kinds(self._run_poller.images),
                image_steps=image_steps or tuple(self._run_poller.snapshots),
                image=self._read_image(request),
                snapshots=tuple(self._run_poller.snapshots),
                snapshot_age_s=self._snapshot_age_s(now) if status.state.active else None,
                selected_step=request.selected_step,
                selected_x=selected_x,
                card=self._card,
                log_tail=self._read_log_tail(status),
                error=self._run_poller.error,
                expected_failure=expected_failure(self._run_poller.config),
            )

    def build_compared(self, request: DetailsRequest) -> ComparedRun:
        """Return this run's curves of the requested quantity."""
        with self._run_poller.open_database():
            self._run_poller.poll()
            chart = self._large_chart(charts(self._run_poller.metric_specs), request)
            metrics = chart.metrics if chart is not None else ()
            series = self._run_poller.series_of(metrics, request.x_axis, request.max_values)
            specs = {name: self._run_poller.metric_specs[name] for name in metrics}
            marks = self._read_marks(request.x_axis)
        return ComparedRun(self._run_poller.status, series, specs, marks)

    def _read_curves(self, request: DetailsRequest) -> None:
        # Choose the charts.
        all_charts = tuple(charts(self._run_poller.metric_specs))
        large = self._large_chart(all_charts, request)
        small = (
            [chart for chart in all_charts if chart is not large][:NUM_SMALL_CHARTS] if request.has_small_charts else []
        )
        # Read fewer values for the small ones.
        metrics = [name for chart in small for name in chart.metrics]
        series = self._run_poller.series_of(metrics, request.x_axis, min(_MAX_SMALL_CHART_VALUES, request.max_values))
        series |= self._run_poller.series_of(
            large.metrics if large is not None else (), request.x_axis, request.max_values
        )
        steps = self._run_poller.series(large.metrics[0], "step", request.max_values).x if large is not None else None
        self._curves = RunCurves(all_charts, series, request.x_axis, steps)
        self._curves_request = _curves_key(request)

    def _large_chart(self, all_charts: list[Chart] | tuple[Chart, ...], request: DetailsRequest) -> Chart | None:
        theory = self._theory or self._read_theory()
        return selected_chart(all_charts, request.quantity, theory.objective_quantity if theory else "")

    def _read_theory(self, step: int | None = None) -> Theory | None:
        """Return the theory with the settings at a step; for None, with those now."""
        config = self._run_poller.config_at(step)
        if config is not self._theory_config:
            self._theory_config, self._theory = config, None
            with suppress(UserError):  # the family's package is not installed here
                self._theory = config.theory() if config is not None else None
        return self._theory

    def _read_marks(self, x_axis: XAxis) -> tuple[tuple[float, str], ...]:
        """Return x and text of each change of settings."""
        marks = [(self._x_of(mark, x_axis), mark.text) for mark in change_marks(self._run_poller.command_history)]
        return tuple((x, text) for x, text in marks if x is not None)

    def _x_of(self, mark: ChangeMark, x_axis: XAxis) -> float | None:
        return mark.elapsed_s if x_axis == "time" else self._run_poller.x_at(mark.step, x_axis)

    def _image_refs(self, image_kind: str) -> list[ImageRef]:
        """Return the images of a kind, or of the first kind available."""
        images = self._run_poller.images
        return images.get(image_kind if image_kind in images else next(iter(_ordered_image_kinds(images)), ""), [])

    def _read_image(self, request: DetailsRequest) -> TiledImage | None:
        # Choose the newest image up to the selected step, or the first one.
        refs = self._image_refs(request.image_kind)
        past = [ref for ref in refs if request.selected_step is None or ref.step <= request.selected_step]
        ref = past[-1] if past else (refs[0] if refs else None)
        # Load it if it is not the displayed one; if that fails, the displayed one stays.
        if ref is None:
            self._image = self._image_ref = None
        elif ref != self._image_ref and (image := load_tiles(ref)) is not None:
            self._image, self._image_ref = image, ref
        return self._image

    def _snapshot_age_s(self, now: float) -> float | None:
        with suppress(OSError, IndexError):  # deleted by now, or none yet
            folder = layout.step_folder(self._folder / layout.SNAPSHOTS, self._run_poller.snapshots[-1])
            return max(now - folder.stat().st_mtime, 0.0)
        return None

    def _read_log_tail(self, status: RunStatus) -> str:
        if status.state not in (State.LOST, State.FAILED):
            self._log_tail_state = None  # another attempt has a log of its own
            return ""
        if status.state is not self._log_tail_state:
            self._log_tail_state = status.state
            self._log_tail = self._run_poller.log_tail()
        return self._log_tail


def _curves_key(request: DetailsRequest) -> DetailsRequest:
    """Return the part of a request that curves depend on."""
    return replace(request, selected=None, compared=(), image_kind="", selected_step=None)


def _ordered_image_kinds(images: dict[str, list[ImageRef]]) -> tuple[str, ...]:
    """Return the kinds of images, known ones in a fixed order."""
    first = [image_kind for image_kind in _IMAGE_KIND_ORDER if image_kind in images]
    return (*first, *sorted(set(images) - set(first)))
