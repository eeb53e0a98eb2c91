"""The Samples tab: samples of fixed latents recorded through training, or new ones from a snapshot."""

import logging
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage, QKeyEvent
from PyQt6.QtWidgets import QHBoxLayout, QWidget

from genexplorer.errors import UserError
from genexplorer.runs.record import PictureRef
from genexplorer.session import command_lines
from genexplorer.session.run_poller import has_points
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.model_client import ModelRequest, Reply, RequestGroup
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.samples.panel import SamplesPanel
from genexplorer.viewer.tabs.tab import KeyHelp, SaveTarget, Tab
from genexplorer.viewer.widgets.image_grid import ImageGrid, ImageGridView, read_image_grid
from genexplorer.viewer.widgets.images import enlarged, save_image

KIND = "samples"
COUNT = 64
_CACHED_SHEETS = 96
_HISTORY = 12  # images of one sample through training
_log = logging.getLogger(__name__)


class SamplesTab(Tab):
    """The grid of samples at the left; the sample under the mouse and the settings at the right."""

    title = "Samples"
    key_help: ClassVar[KeyHelp] = {
        "Samples": (
            ("R", "resample"),
            ("F", "fixed seed"),
            ("+  −", "columns"),
        ),
    }

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.seed: int | None = None  # None: the recorded samples of the run's fixed seed
        self.temperature = 1.0
        self._requests = RequestGroup(context.model_client, "samples", self._on_failure)
        self._stale = True
        self._cache: OrderedDict[Path, ImageGrid] = OrderedDict()
        self.view = ImageGridView("samples")
        self.view.on_saved = context.status_message.emit
        self.panel = SamplesPanel(context)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        sheet = QHBoxLayout()
        sheet.setContentsMargins(2 * GAP, 2 * GAP, 2 * GAP, GAP)
        sheet.addWidget(self.view)
        layout.addLayout(sheet, 1)
        layout.addWidget(self.panel)
        self._connect()

    def _connect(self) -> None:
        self.view.pointed.connect(self._show_one)
        self.panel.resample_wanted.connect(self.resample)
        self.panel.fixed_wanted.connect(self.show_fixed)
        self.panel.seed_chosen.connect(self.draw)
        self.panel.temperature_chosen.connect(self._set_temperature)
        self.panel.columns_chosen.connect(self.view.set_columns)
        self.panel.step_chosen.connect(self.context.cursor.go)
        self.context.palette_changed.connect(self._recolor)
        self._recolor()

    # The window ---------------------------------------------------------------------------------------------------

    def waiting_reason(self) -> str | None:
        """Return that there is no snapshot yet, or that samples are points, or None."""
        if has_points(self.context.run):
            return (
                "The samples of this run are 2-D points, not images.\n"
                "Density shows them over the data; Progress shows them through training."
            )
        if self.context.step is None and not self._refs():
            return "No samples yet.\nThe first ones come with the first snapshot."
        return None

    def set_run(self, run: object) -> None:
        """Show another run's samples."""
        self._cache.clear()
        self.seed = None
        self.view.set_grid(None)
        self.touch()

    def on_changes(self, changed: frozenset[str]) -> None:
        """Show new images."""
        if "pictures" in changed and self.seed is None:
            self.touch()

    def on_time(self, step: int | None) -> None:
        """Show the samples of that step."""
        self.touch()

    def activated(self) -> None:
        """Bring the tab up to date."""
        self.refresh()

    def deactivated(self) -> None:
        """Cancel requests."""
        self._requests.cancel_all()

    def on_key(self, event: QKeyEvent) -> bool:
        """R resamples, F shows the fixed seed, + and − set the columns, arrows select a sample."""
        moves = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Up: -self.view.columns}
        moves[Qt.Key.Key_Down] = self.view.columns
        match event.key():
            case Qt.Key.Key_R:
                self.resample()
            case Qt.Key.Key_F:
                self.show_fixed()
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self.panel.set_columns(self.view.columns + 1)
            case Qt.Key.Key_Minus:
                self.panel.set_columns(max(1, self.view.columns - 1))
            case Qt.Key.Key_0 | Qt.Key.Key_Home:
                self.panel.set_columns(0)
            case key if key in moves:
                self.view.select(self.view.index + moves[Qt.Key(key)])
            case _:
                return False
        return True

    def save_targets(self) -> list[SaveTarget]:
        """Offer the grid and the selected sample."""
        if self.view.grid is None:
            return []
        sample = self.panel.one.image()
        return [
            SaveTarget("Samples", (".png",), lambda path: save_image(self.view.displayed_image(), path)),
            SaveTarget("Selected sample", (".png",), lambda path: save_image(enlarged(sample, 8), path)),
        ]

    def copy_image(self) -> QImage | None:
        """Return the grid as shown."""
        return None if self.view.grid is None else self.view.displayed_image()

    def command_line(self) -> str | None:
        """Return the command that draws these samples."""
        run = self.context.run
        if run is None or self.view.grid is None:
            return None
        config = run.config
        seed = self.seed if self.seed is not None else config.seed if config is not None else 0
        line = command_lines.sample(
            run.status.id,
            count=len(self.view.grid.images),
            seed=seed,
            temperature=1.0 if self.seed is None else self.temperature,
            columns=self.view.columns,
            step=self.view.grid.step,
        )
        return command_lines.with_runs_dir(line, run.folder.parent)

    def state(self) -> dict[str, Any]:
        """Return columns and temperature."""
        return {"columns": self.view.requested_columns, "temperature": self.temperature}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore them."""
        columns, temperature = state.get("columns"), state.get("temperature")
        if isinstance(columns, int):
            self.panel.set_columns(min(max(0, columns), COUNT))
        if isinstance(temperature, int | float) and 0 <= temperature <= 2:
            self.temperature = float(temperature)
            self.panel.set_temperature(self.temperature)

    # Sampling ----------------------------------------------------------------------------------------------------

    def resample(self) -> None:
        """Draw samples with a random seed."""
        self.draw(secrets.randbelow(10_000))

    def draw(self, seed: int) -> None:
        """Draw samples with a seed, from the present snapshot."""
        self.seed = seed
        self.touch()

    def show_fixed(self) -> None:
        """Show the recorded samples again, of the same latents at every step."""
        self.seed = None
        self._requests.cancel_all()
        self.touch()

    def touch(self) -> None:
        """Mark the tab as out of date and refresh it."""
        self._stale = True
        self.refresh()

    def refresh(self) -> None:
        """Update the grid while the tab is in front."""
        if not self.is_active or not self._stale or has_points(self.context.run):
            return
        self._stale = False
        self.panel.show_source(self.seed)
        if self.context.run is None:
            self.view.set_grid(None, "No run is open.")
        elif self.seed is None:
            self._show_recorded()
        else:
            self._ask()

    def _set_temperature(self, temperature: float) -> None:
        self.temperature = temperature
        if self.seed is None:
            self.seed = 0  # the recorded samples have temperature 1
        self.touch()

    def _recolor(self) -> None:
        self.view.set_background(self.context.palette.background)
        self.panel.recolor()

    # Recorded ---------------------------------------------------------------------------------------------------

    def _refs(self) -> list[PictureRef]:
        run = self.context.run
        return sorted(run.pictures.get(KIND, ()), key=lambda ref: ref.step) if run is not None else []

    def _show_recorded(self) -> None:
        refs = self._refs()
        step = self.context.step
        at_or_before = [ref for ref in refs if step is None or ref.step <= step] or refs[:1]
        sheet = self._read(at_or_before[-1]) if at_or_before else None
        if sheet is not None:
            self.view.set_grid(sheet)
        elif step is not None:
            self.seed = 0
            self.panel.show_source(self.seed)
            self._ask()
        else:
            self.view.set_grid(None)

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
        while len(self._cache) > _CACHED_SHEETS:
            self._cache.popitem(last=False)
        return sheet

    # Decoded ----------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        if self.view.grid is None:
            self.view.set_grid(None, "loading the model…")
        params = {"count": COUNT, "seed": self.seed, "temperature": self.temperature}
        self._requests.cancel_all()  # images of another seed or snapshot are not shown any more
        self._requests.send("preview", "images", ModelRequest("sample", self._on_drawn, params, step=self.context.step))

    def _on_drawn(self, reply: Reply) -> None:
        if self.seed is None:
            return
        images = np.asarray(reply.arrays["images"], np.uint8)
        z = np.asarray(reply.arrays["z"], np.float32) if "z" in reply.arrays else None
        self.view.set_grid(ImageGrid(images, 8, reply.step, f"sampled at step {reply.step:,}", z))

    def _on_failure(self, message: str, hint: str) -> None:
        if self.view.grid is None:
            self.view.set_grid(None, f"No samples: {message}. {hint}")
        self.context.status_message.emit(f"sampling failed: {message}")

    # One sample ------------------------------------------------------------------------------------------------

    def _show_one(self, index: int) -> None:
        sheet, pixels = self.view.grid, self.view.tile(index)
        if sheet is None or pixels is None:
            self.panel.show_nothing()
            return
        self.panel.show_one(index, pixels, sheet)
        self.panel.show_history(index, self._history(index) if self.seed is None else [])

    def _history(self, index: int) -> list[tuple[int, Any]]:
        """Return the same latent at steps spread over training."""
        refs = self._refs()
        if len(refs) > _HISTORY:
            indices = np.unique(np.linspace(0, len(refs) - 1, _HISTORY).round().astype(int))
            refs = [refs[place] for place in indices]
        sheets = [(ref.step, self._read(ref)) for ref in refs]
        return [
            (step, sheet.images[index]) for step, sheet in sheets if sheet is not None and index < len(sheet.images)
        ]
