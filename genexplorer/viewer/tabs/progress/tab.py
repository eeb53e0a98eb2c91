"""The Progress tab: the images recorded at each step, selected by the window's time bar."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage, QKeyEvent
from PyQt6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.runs.record import ImageRef
from genexplorer.session import command_lines
from genexplorer.session.run_poller import is_point_data
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.style import GAP, scaled
from genexplorer.viewer.tabs.progress import recorded_images
from genexplorer.viewer.tabs.progress.controls import NUM_THUMBNAILS, ProgressControls, ThumbnailStrip, thumbnail
from genexplorer.viewer.tabs.progress.curves import WIDTH_PX, ProgressCurves
from genexplorer.viewer.tabs.progress.export_job import AnimationJob
from genexplorer.viewer.tabs.tab import ContentTab, KeyHelp, SaveTarget
from genexplorer.viewer.widgets.controls import fill_box
from genexplorer.viewer.widgets.image_grid import ImageGridView, RecordedGrids
from genexplorer.viewer.widgets.images import save_image

if TYPE_CHECKING:
    from genexplorer.session.run_poller import RunPoller


class ProgressTab(ContentTab):
    """The image of a step at the left, curves beside it, thumbnails below.

    While it is in front, the time bar stops at every recorded image instead of at the snapshots.
    """

    title = "Progress"
    key_help: ClassVar[KeyHelp] = {
        "Progress": (
            ("F  G", "while held: first, newest"),
            ("K", "next kind of images"),
            ("M", "save animation"),
        ),
    }

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.kind = ""
        self._preferred_kind = ""  # selected by the user; the run may not have it
        self._held_step: int | None = None  # the first or newest step, while a key or button is held
        self._shown_path: Path | None = None
        self._recorded = RecordedGrids(context.status_message.emit)
        self.controls, self.view, self.strip = ProgressControls(), ImageGridView("progress"), ThumbnailStrip()
        self.view.has_frame = False
        self.view.on_saved = context.status_message.emit
        self.curves = ProgressCurves(context)
        self.job = AnimationJob(self)
        self.curves.setFixedWidth(scaled(WIDTH_PX))
        left = fill_box(QVBoxLayout(), (self.view, 1), self.strip)
        row = fill_box(QHBoxLayout(), (left, 1), self.curves, spacing=2 * GAP)
        fill_box(QVBoxLayout(self), self.controls, (row, 1), margins=(2 * GAP, GAP, 2 * GAP, GAP // 2))
        # Connect the signals.
        self.controls.kind_chosen.connect(self.choose_kind)
        self.controls.first.pressed.connect(lambda: self.hold(first=True))
        self.controls.newest.pressed.connect(lambda: self.hold(first=False))
        self.controls.first.released.connect(self.release)
        self.controls.newest.released.connect(self.release)
        self.controls.animation.clicked.connect(self.save_animation)
        self.controls.command.clicked.connect(self.copy_command)
        self.strip.step_chosen.connect(context.step_selection.select)
        self.job.progress.connect(lambda fraction, _message: self.controls.show_job(fraction))
        self.job.ended.connect(self._on_job_ended)
        context.palette_changed.connect(self._recolor)
        self._unsubscribe = context.step_selection.subscribe(self._on_step_selection)
        self._recolor()

    # The window ---------------------------------------------------------------------------------------------------

    def waiting_reason(self) -> str | None:
        """Return that there are no images yet, or None."""
        if self.context.run is None or self._kinds():
            return None
        return "No images recorded yet.\nThe first ones are recorded with the first snapshot, from fixed latents."

    def set_run(self, run: "RunPoller | None") -> None:
        """Show another run's images."""
        self._recorded.clear()
        self._held_step, self._shown_path, self._is_stale = None, None, True
        self.strip.set_frames([])
        self.view.is_drawing = is_point_data(self.context.run)
        self.view.set_grid(None)
        if self.is_active:
            self.activated()

    def on_changes(self, changed: frozenset[str]) -> None:
        """Show new images and points of the curves."""
        if changed & {"images", "metrics", "commands"}:
            self.invalidate()

    def activated(self) -> None:
        """Let the time bar stop at the recorded images."""
        self._update_kind()
        self.context.set_step_list(self._steps)
        self.invalidate()

    def deactivated(self) -> None:
        """Let the time bar stop at snapshots again."""
        self._held_step = None
        self.context.set_step_list(None)

    def on_key(self, event: QKeyEvent) -> bool:
        """F and G show the first and the newest while held, K the next kind, M saves an animation."""
        match event.key():
            case Qt.Key.Key_F | Qt.Key.Key_G if event.isAutoRepeat():
                pass
            case Qt.Key.Key_F:
                self.hold(first=True)
            case Qt.Key.Key_G:
                self.hold(first=False)
            case Qt.Key.Key_K:
                self.next_kind()
            case Qt.Key.Key_M:
                self.save_animation()
            case _:
                return False
        return True

    def on_key_release(self, event: QKeyEvent) -> bool:
        """Show the image of the time bar's step again."""
        if event.key() in (Qt.Key.Key_F, Qt.Key.Key_G):
            if not event.isAutoRepeat():
                self.release()
            return True
        return False

    def save_targets(self) -> list[SaveTarget]:
        """Return the displayed image."""
        if self.view.image().isNull():
            return []
        label = recorded_images.kind_title(self.kind)
        return [SaveTarget(label, (".png",), lambda path: save_image(self.view.displayed_image(), path))]

    def copy_image(self) -> QImage | None:
        """Return the image as shown."""
        return None if self.view.image().isNull() else self.view.displayed_image()

    def command_line(self) -> str | None:
        """Return the command that makes the animation."""
        run = self.context.run
        if run is None or not self.kind:
            return None
        return command_lines.with_runs_dir(command_lines.progress(run.status.id, kind=self.kind), run.folder.parent)

    def state(self) -> dict[str, Any]:
        """Return the selected kind."""
        return {"kind": self._preferred_kind}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the selected kind."""
        kind = state.get("kind")
        self._preferred_kind = kind if isinstance(kind, str) else ""

    def closing(self) -> None:
        """Cancel the animation and unsubscribe."""
        self._unsubscribe()
        self.job.close()

    # Display ----------------------------------------------------------------------------------------------

    def choose_kind(self, kind: str) -> None:
        """Show another kind of images."""
        self._preferred_kind = kind
        self.activated()

    def next_kind(self) -> None:
        """Show the next kind of images."""
        kinds = self._kinds()
        if kinds:
            self.choose_kind(kinds[(kinds.index(self.kind) + 1) % len(kinds)])

    def hold(self, *, first: bool) -> None:
        """Show the first or the newest image until `release`."""
        refs = self._refs()
        if refs:
            self._held_step = refs[0 if first else -1].step
            self._show_image()

    def release(self) -> None:
        """Show the image of the time bar's step again."""
        self._held_step = None
        self._show_image()

    def update_content(self) -> None:
        """Show the image, the thumbnails and the curves as they are now."""
        self._update_kind()
        data_kind = "points" if is_point_data(self.context.run) else "images"
        self.controls.show_kinds(self._kinds(), self.kind, data_kind)
        self.curves.refresh(self.context.run)
        refs = recorded_images.spread_over_time(self._refs(), NUM_THUMBNAILS)
        grids = [(ref.step, self._recorded.read(ref)) for ref in refs]
        self.strip.set_frames([(step, thumbnail(grid, self.kind)) for step, grid in grids if grid is not None])
        self._show_image()

    def _kinds(self) -> list[str]:
        return [] if self.context.run is None else recorded_images.kinds(self.context.run.images)

    def _refs(self) -> list[ImageRef]:
        return [] if self.context.run is None else self.context.run.images.get(self.kind, [])

    def _steps(self) -> list[int]:
        return [ref.step for ref in self._refs()]

    def _update_kind(self) -> None:
        kinds = self._kinds()
        self.kind = self._preferred_kind if self._preferred_kind in kinds else (kinds[0] if kinds else "")

    def _on_step_selection(self) -> None:
        if self.is_active:
            self._show_image()

    def _show_image(self) -> None:
        step = self.context.step_selection.selected_step if self._held_step is None else self._held_step
        ref = recorded_images.ref_at_step(self._refs(), step)
        grid = None if ref is None else self._recorded.read(ref)
        if grid is None or ref is None:
            self._shown_path = None
            self.view.set_grid(None, "" if ref is None else "This image cannot be read.")
        elif self._shown_path != ref.path:
            self._shown_path = ref.path
            self.view.set_columns(0 if self.kind == "samples" else grid.columns)
            self.view.set_grid(grid)
        shown_step = None if ref is None else ref.step
        self.controls.show_step(self.kind, shown_step, self._steps(), is_held=self._held_step is not None)
        self.strip.set_step(shown_step)
        self.curves.set_step(shown_step)

    # Animation and command -------------------------------------------------------------------------------------------

    def save_animation(self) -> None:
        """Write an animation to a file chosen in a dialog, or cancel the one being written."""
        run = self.context.run
        if self.job.is_running:
            self.job.cancel()
        elif run is not None and self.kind:
            from genexplorer.jobs.image_files import MOVING_FORMATS  # imports Pillow: only saving needs it

            endings = " ".join(f"*{ending}" for ending in MOVING_FORMATS)
            name, _ = QFileDialog.getSaveFileName(
                self, "Save animation", f"{run.status.name}-{self.kind}.gif", f"Animation ({endings})"
            )
            if name:
                path = Path(name)
                self.write_animation(path if path.suffix else path.with_suffix(".gif"))

    def write_animation(self, out: Path) -> None:
        """Write the animation in the background."""
        if self.context.run is not None:
            self.controls.show_job(0.0)
            self.job.start(self.context.run.folder, out, self.kind)

    def _on_job_ended(self, succeeded: bool, line: str) -> None:
        self.controls.show_job(None)
        self.context.report(succeeded, line)

    def _recolor(self) -> None:
        self.view.set_background(self.context.palette.background)
