"""The Progress tab: what the run recorded at each step, walked through by the window's own bar of time."""

import logging
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QGuiApplication, QImage, QKeyEvent
from PyQt6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.errors import UserError
from genexplorer.runs.record import PictureRef
from genexplorer.session import command_lines
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.progress import recorded_images
from genexplorer.viewer.tabs.progress.controls_row import Head
from genexplorer.viewer.tabs.progress.curves import WIDTH, CurvesBeside
from genexplorer.viewer.tabs.progress.export_job import FilmJob
from genexplorer.viewer.tabs.progress.film_strip import COUNT, FilmStrip
from genexplorer.viewer.tabs.progress.thumbnails import thumbnail
from genexplorer.viewer.tabs.tab import SaveTarget, Tab
from genexplorer.viewer.widgets.image_grid import ImageGrid, ImageGridView, read_image_grid
from genexplorer.viewer.widgets.images import save_image

if TYPE_CHECKING:
    from genexplorer.session.run_poller import RunPoller

_KEPT_SHEETS = 96
_log = logging.getLogger(__name__)


class ProgressTab(Tab):
    """The picture of the time at the left, the curves beside it, a film strip below.

    While it is in front, the window's time stops at every recorded picture instead of at the kept snapshots.
    """

    title = "Progress"

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.kind = ""
        self._wanted_kind = ""  # by the user; the run may not have it
        self._held: int | None = None  # a step that is shown as long as a key or a button is held
        self._stale = True
        self._shown: Path | None = None
        self._cache: OrderedDict[Path, ImageGrid] = OrderedDict()
        self.head, self.view, self.strip = Head(), ImageGridView("progress"), FilmStrip()
        self.view.has_frame = False
        self.view.on_saved = context.status_message.emit
        self.curves = CurvesBeside(context)
        self.job = FilmJob(self)
        self._lay_out()
        self._connect()
        self._recolor()

    # The seam ---------------------------------------------------------------------------------------------------

    def waiting_reason(self) -> str | None:
        """Say that there are no pictures."""
        if self.context.run is None or self._kinds():
            return None
        return "No pictures recorded yet.\nThe first ones come with the first snapshot, of latents that stay the same."

    def set_run(self, followed: "RunPoller | None") -> None:
        """Show another run's pictures."""
        self._cache.clear()
        self._held, self._shown, self._stale = None, None, True
        self.strip.set_frames([])
        self.view.set_grid(None)
        if self.is_active:
            self.activated()

    def on_changes(self, what: frozenset[str]) -> None:
        """Take up new pictures and new points of the curves."""
        if what & {"pictures", "metrics", "changes"}:
            self._stale = True
            self.refresh()

    def activated(self) -> None:
        """Let time stop at the recorded pictures."""
        self._choose_kind()
        self.context.walk_over(self._steps)
        self._stale = True
        self.refresh()

    def deactivated(self) -> None:
        """Let time stop at snapshots again."""
        self._held = None
        self.context.walk_over(None)

    def on_key(self, event: QKeyEvent) -> bool:
        """F and G show the first and the newest as long as they are held, K the next kind, M saves the film."""
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
                self.save_film()
            case _:
                return False
        return True

    def on_key_release(self, event: QKeyEvent) -> bool:
        """Show the picture of the time again."""
        if event.key() in (Qt.Key.Key_F, Qt.Key.Key_G):
            if not event.isAutoRepeat():
                self.let_go()
            return True
        return False

    def save_targets(self) -> list[SaveTarget]:
        """Offer the picture of the time."""
        if self.view.image().isNull():
            return []
        label = f"{recorded_images.name_of(self.kind)} of the time"
        return [SaveTarget(label, (".png",), lambda path: save_image(self.view.displayed_image(), path))]

    def copy_image(self) -> QImage | None:
        """Return the picture as it is shown."""
        return None if self.view.image().isNull() else self.view.displayed_image()

    def command_line(self) -> str | None:
        """Return the command that makes the film."""
        run = self.context.run
        if run is None or not self.kind:
            return None
        return command_lines.with_runs_dir(command_lines.progress(run.status.id, kind=self.kind), run.folder.parent)

    def state(self) -> dict[str, Any]:
        """Remember the kind."""
        return {"kind": self._wanted_kind}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take it back."""
        kind = state.get("kind")
        self._wanted_kind = kind if isinstance(kind, str) else ""

    def closing(self) -> None:
        """Give up the film and stop listening."""
        self._unsubscribe()
        self.job.close()

    # What is shown ----------------------------------------------------------------------------------------------

    def choose(self, kind: str) -> None:
        """Show another kind of pictures."""
        self._wanted_kind = kind
        self._choose_kind()
        self.context.walk_over(self._steps)
        self._stale = True
        self.refresh()

    def next_kind(self) -> None:
        """Show the next kind of pictures that there is."""
        kinds = self._kinds()
        if kinds:
            self.choose(kinds[(kinds.index(self.kind) + 1) % len(kinds)])

    def hold(self, *, first: bool) -> None:
        """Show the first or the newest picture until `let_go`."""
        refs = self._refs()
        if refs:
            self._held = refs[0 if first else -1].step
            self._show_picture()

    def let_go(self) -> None:
        """Show the picture of the time again."""
        self._held = None
        self._show_picture()

    def refresh(self) -> None:
        """Bring pictures, strip and curves up to date, if they are seen."""
        if not (self.is_active and self._stale):
            return
        self._stale = False
        self._choose_kind()
        self.head.show_kinds(self._kinds(), self.kind)
        self.curves.refresh(self.context.run)
        self._show_strip()
        self._show_picture()

    def _kinds(self) -> list[str]:
        return [] if self.context.run is None else recorded_images.kinds(self.context.run.pictures)

    def _refs(self) -> list[PictureRef]:
        return [] if self.context.run is None else list(self.context.run.pictures.get(self.kind, ()))

    def _steps(self) -> list[int]:
        return [ref.step for ref in self._refs()]

    def _choose_kind(self) -> None:
        kinds = self._kinds()
        self.kind = self._wanted_kind if self._wanted_kind in kinds else (kinds[0] if kinds else "")

    def _on_cursor(self) -> None:
        if self.is_active:
            self._show_picture()

    def _show_picture(self) -> None:
        now = self.context.cursor.position
        ref = recorded_images.at(self._refs(), now if self._held is None else self._held)
        sheet = None if ref is None else self._read(ref)
        if sheet is None or ref is None:
            self._shown = None
            self.view.set_grid(None, "" if ref is None else "This picture cannot be read.")
        elif self._shown != ref.path:
            self._shown = ref.path
            self.view.set_columns(0 if self.kind == "samples" else sheet.columns)
            self.view.set_grid(sheet)
        self.head.show_step(self.kind, None if ref is None else ref.step, self._steps(), held=self._held is not None)
        self.strip.set_step(None if ref is None else ref.step)
        self.curves.set_step(None if ref is None else ref.step)

    def _show_strip(self) -> None:
        wanted = recorded_images.spread(self._refs(), COUNT)
        sheets = [(ref.step, self._read(ref)) for ref in wanted]
        frames = [(step, thumbnail(sheet, self.kind)) for step, sheet in sheets if sheet is not None]
        self.strip.set_frames(frames)

    def _read(self, ref: PictureRef) -> ImageGrid | None:
        if ref.path in self._cache:
            self._cache.move_to_end(ref.path)
            return self._cache[ref.path]
        try:
            sheet = read_image_grid(ref, f"recorded at step {ref.step:,}")
        except UserError as error:
            _log.warning("%s", error)
            self.context.status_message.emit(str(error))
            return None
        self._cache[ref.path] = sheet
        while len(self._cache) > _KEPT_SHEETS:
            self._cache.popitem(last=False)
        return sheet

    # Film and command -------------------------------------------------------------------------------------------

    def save_film(self) -> None:
        """Ask for a name and write the film, or give up the one that is being written."""
        run = self.context.run
        if self.job.is_running:
            self.job.cancel()
        elif run is not None and self.kind:
            from genexplorer.jobs.image_files import MOVING_FORMATS  # imports Pillow: only saving needs it

            endings = " ".join(f"*{ending}" for ending in MOVING_FORMATS)
            name, _ = QFileDialog.getSaveFileName(
                self, "Save the film of the training", f"{run.status.name}-{self.kind}.gif", f"Film ({endings})"
            )
            if name:
                path = Path(name)
                self.write_film(path if path.suffix else path.with_suffix(".gif"))

    def write_film(self, out: Path) -> None:
        """Write the film in the background."""
        if self.context.run is not None:
            self.head.show_film(0.0)
            self.job.start(self.context.run.folder, out, self.kind)

    def _film_ended(self, worked: bool, line: str) -> None:
        self.head.show_film(None)
        (self.context.status_message if worked else self.context.alert).emit(line)

    def _copy_command(self) -> None:
        command, clipboard = self.command_line(), QGuiApplication.clipboard()
        if command is not None and clipboard is not None:
            clipboard.setText(command)
            self.context.status_message.emit(f"copied: {command}")

    # Setting up -------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        left = QVBoxLayout()
        left.setSpacing(GAP)
        left.addWidget(self.view, 1)
        left.addWidget(self.strip)
        right = QWidget()
        right.setFixedWidth(WIDTH)
        beside = QVBoxLayout(right)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.addWidget(self.curves)
        row = QHBoxLayout()
        row.setSpacing(2 * GAP)
        row.addLayout(left, 1)
        row.addWidget(right)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GAP, GAP, 2 * GAP, GAP // 2)
        column.setSpacing(GAP)
        column.addWidget(self.head)
        column.addLayout(row, 1)

    def _connect(self) -> None:
        self.head.kind_chosen.connect(self.choose)
        self.head.hold_wanted.connect(lambda first: self.hold(first=first))
        self.head.released.connect(self.let_go)
        self.head.film_wanted.connect(self.save_film)
        self.head.command_wanted.connect(self._copy_command)
        self.strip.chosen.connect(self.context.cursor.go)
        self.job.told.connect(lambda share, _words: self.head.show_film(share))
        self.job.ended.connect(self._film_ended)
        self.context.palette_changed.connect(self._recolor)
        self._unsubscribe = self.context.cursor.subscribe(self._on_cursor)

    def _recolor(self) -> None:
        self.view.set_background(self.context.palette.background)
