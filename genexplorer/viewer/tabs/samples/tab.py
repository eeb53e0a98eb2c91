"""The Samples tab: samples of fixed latents recorded through training, or new ones from a snapshot."""

import secrets
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage, QKeyEvent
from PyQt6.QtWidgets import QHBoxLayout, QWidget

from genexplorer.runs.record import ImageRef
from genexplorer.session import command_lines
from genexplorer.session.run_poller import is_point_data
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.model_client import ModelRequest, ModelResponse, RequestGroup
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.progress import recorded_images
from genexplorer.viewer.tabs.samples.panel import SamplesPanel
from genexplorer.viewer.tabs.tab import ContentTab, KeyHelp, SaveTarget
from genexplorer.viewer.widgets.controls import fill_box
from genexplorer.viewer.widgets.image_grid import ImageGrid, ImageGridView, RecordedGrids
from genexplorer.viewer.widgets.images import enlarged, save_image

IMAGE_KIND = "samples"
NUM_SAMPLES = 64
_MAX_HISTORY_IMAGES = 12  # of one sample, at steps spread over the training


class SamplesTab(ContentTab):
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
        self._recorded = RecordedGrids(context.status_message.emit)
        self.view = ImageGridView("samples")
        self.view.on_saved = context.status_message.emit
        self.panel = SamplesPanel(context)
        grid = fill_box(QHBoxLayout(), self.view, margins=(2 * GAP, 2 * GAP, 2 * GAP, GAP))
        fill_box(QHBoxLayout(self), (grid, 1), self.panel, spacing=0)
        # Connect the signals.
        self.view.pointed.connect(self._show_sample)
        self.panel.resample.clicked.connect(self.resample)
        self.panel.fixed.clicked.connect(self.show_fixed)
        self.panel.seed.valueChanged.connect(self.draw)
        self.panel.columns.valueChanged.connect(self.view.set_columns)
        self.panel.temperature_chosen.connect(self._set_temperature)
        self.panel.step_chosen.connect(self.context.step_selection.select)
        self.context.palette_changed.connect(self._recolor)
        self._recolor()

    # The window ---------------------------------------------------------------------------------------------------

    def waiting_reason(self) -> str | None:
        """Return that there is no snapshot yet, or that samples are points, or None."""
        if is_point_data(self.context.run):
            return (
                "The samples of this run are 2-D points, not images.\n"
                "Density shows them over the data; Progress shows them through training."
            )
        if self.context.step is None and not self._refs():
            return "No samples yet.\nThe first ones come with the first snapshot."
        return None

    def set_run(self, run: object) -> None:
        """Show another run's samples."""
        self._recorded.clear()
        self.seed = None
        self.view.set_grid(None)
        self.invalidate()

    def on_changes(self, changed: frozenset[str]) -> None:
        """Show new images."""
        if "images" in changed and self.seed is None:
            self.invalidate()

    def on_time(self, step: int | None) -> None:
        """Show the samples of that step."""
        self.invalidate()

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
        """Return the grid and the selected sample."""
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
        """Restore columns and temperature; invalid values are ignored."""
        columns, temperature = state.get("columns"), state.get("temperature")
        if isinstance(columns, int):
            self.panel.set_columns(min(max(0, columns), NUM_SAMPLES))
        if isinstance(temperature, int | float) and 0 <= temperature <= 2:
            self.temperature = float(temperature)
            self.panel.set_temperature(self.temperature)

    # Sampling ----------------------------------------------------------------------------------------------------

    def resample(self) -> None:
        """Draw samples with a random seed."""
        self.draw(secrets.randbelow(10_000))

    def draw(self, seed: int) -> None:
        """Draw samples with a seed, from the selected snapshot."""
        self.seed = seed
        self.invalidate()

    def show_fixed(self) -> None:
        """Show the recorded samples again, of the same latents at every step."""
        self.seed = None
        self._requests.cancel_all()
        self.invalidate()

    def update_content(self) -> None:
        """Show the recorded samples, or draw some."""
        if is_point_data(self.context.run):
            return
        self.panel.show_seed(self.seed)
        if self.context.run is None:
            self.view.set_grid(None, "No run is open.")
        elif self.seed is None:
            self._show_recorded()
        else:
            self._request_samples()

    def _set_temperature(self, temperature: float) -> None:
        self.temperature = temperature
        if self.seed is None:
            self.seed = 0  # the recorded samples have temperature 1
        self.invalidate()

    def _recolor(self) -> None:
        self.view.set_background(self.context.palette.background)
        self.panel.recolor()

    # Recorded ---------------------------------------------------------------------------------------------------

    def _refs(self) -> list[ImageRef]:
        return [] if self.context.run is None else self.context.run.images.get(IMAGE_KIND, [])

    def _show_recorded(self) -> None:
        step = self.context.step
        ref = recorded_images.ref_at_step(self._refs(), step)
        grid = None if ref is None else self._recorded.read(ref)
        if grid is not None:
            self.view.set_grid(grid)
        elif step is not None:
            self.seed = 0
            self.panel.show_seed(self.seed)
            self._request_samples()
        else:
            self.view.set_grid(None)

    # Decoded ----------------------------------------------------------------------------------------------------

    def _request_samples(self) -> None:
        if self.view.grid is None:
            self.view.set_grid(None, "loading the model…")
        params = {"count": NUM_SAMPLES, "seed": self.seed, "temperature": self.temperature}
        self._requests.cancel_all()  # images of another seed or snapshot are not shown any more
        self._requests.send(
            "preview", "images", ModelRequest("sample", self._on_samples, params, step=self.context.step)
        )

    def _on_samples(self, response: ModelResponse) -> None:
        if self.seed is None:
            return
        images = np.asarray(response.arrays["images"], np.uint8)
        z = np.asarray(response.arrays["z"], np.float32) if "z" in response.arrays else None
        caption = "\n".join(filter(None, (f"sampled at step {response.step:,}", str(response.meta.get("how", "")))))
        self.view.set_grid(ImageGrid(images, 8, response.step, caption, z))

    def _on_failure(self, message: str, hint: str) -> None:
        if self.view.grid is None:
            self.view.set_grid(None, f"No samples: {message}. {hint}")
        self.context.status_message.emit(f"sampling failed: {message}")

    # One sample ------------------------------------------------------------------------------------------------

    def _show_sample(self, index: int) -> None:
        grid, image = self.view.grid, self.view.tile(index)
        if grid is None or image is None:
            self.panel.show_no_sample()
            return
        self.panel.show_sample(index, image, grid)
        # Show a recorded sample at steps spread over the training, always of the same latent.
        refs = self._refs() if self.seed is None else []
        if len(refs) > _MAX_HISTORY_IMAGES:
            indices = np.unique(np.linspace(0, len(refs) - 1, _MAX_HISTORY_IMAGES).round().astype(int))
            refs = [refs[position] for position in indices]
        grids = [(ref.step, self._recorded.read(ref)) for ref in refs]
        images = [(step, grid.images[index]) for step, grid in grids if grid is not None and index < len(grid.images)]
        self.panel.show_history(index, images)
