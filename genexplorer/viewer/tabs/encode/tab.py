"""The Encode tab: an image or a point, its latent and its reconstruction, with the metrics that the model declares.

A VAE encodes to a distribution q(z|x), a flow to one latent; without an encoder, the latent is optimized.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PyQt6.QtCore import QSignalBlocker, Qt
from PyQt6.QtGui import QDragEnterEvent, QDropEvent
from PyQt6.QtWidgets import QHBoxLayout, QWidget

from genexplorer.errors import UserError
from genexplorer.explore.protocol import Array
from genexplorer.runs.sanitize import one_line
from genexplorer.session import command_lines, formatting
from genexplorer.session.own_image import OwnImage
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.dragged_files import accept_path
from genexplorer.viewer.preferences import MAX_IMAGE_INDEX, saved_int
from genexplorer.viewer.style import GAP, scaled
from genexplorer.viewer.tabs.encode.encoding import Encoding, EncodingLoader, search_encoding
from genexplorer.viewer.tabs.encode.image_selection import IMAGE_SUFFIXES, ImageSelection, is_light, read_image_file
from genexplorer.viewer.tabs.encode.search import LatentSearch
from genexplorer.viewer.tabs.encode.search_panel import SearchPanel
from genexplorer.viewer.tabs.encode.selection_panel import SelectionPanel
from genexplorer.viewer.tabs.encode.views import EncodeViews, EncodingMethod
from genexplorer.viewer.tabs.model_tab import KeyActions, ModelTab
from genexplorer.viewer.tabs.tab import KeyHelp, SaveTarget
from genexplorer.viewer.widgets import labels
from genexplorer.viewer.widgets.controls import Toolbar, fill_box, timer

if TYPE_CHECKING:
    from trainers.model_card import ModelCard

SEARCH_DELAY_MS = 300  # an automatic search starts this long after the last change of the image
_RECONSTRUCTION_CAPTIONS: dict[EncodingMethod, str] = {
    "posterior": "decoded at z = μ",
    "exact": "decoded from z",
    "search": "decoded at the best z",
}


class EncodeTab(ModelTab):
    """One image or point with its latent and reconstruction, for models of every family."""

    title = "Encode"
    key_help: ClassVar[KeyHelp] = {
        "Encode": (
            ("arrows", "next test image or point"),
            ("R", "random"),
            ("Enter  Esc", "search for z, cancel search"),
        ),
    }
    capability = "encode"
    unsupported = "This {title} cannot encode: {reason}.\nSamples and Interpolate show its latents."

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        # Create the state and the widgets.
        self.selection = ImageSelection()
        self.loader = EncodingLoader(self.requests)
        self.search = LatentSearch(self.requests)
        self.selection_panel = SelectionPanel(self.selection)
        self.views = EncodeViews(context.palette, SearchPanel(self.search))
        self._search_timer = timer(self, SEARCH_DELAY_MS, self.search_now, once=True)
        self._file: Path | None = None
        self._requested_image: tuple[object, ...] = ()  # kind, index and content of the image of the last search
        self.setAcceptDrops(True)
        row = fill_box(
            QHBoxLayout(self), Toolbar(self.selection_panel, labels.vertical_rule(), spacing=2 * GAP), (self.views, 1)
        )
        row.setSpacing(scaled(2 * GAP))
        row.setContentsMargins(scaled(2 * GAP), scaled(GAP), scaled(2 * GAP), scaled(GAP))
        # Connect the signals.
        selection_panel = self.selection_panel
        self.selection.subscribe(self._on_selection_changed)
        self.loader.subscribe(self._show)
        selection_panel.file_chosen.connect(self.open_file)
        selection_panel.inverted.toggled.connect(self._on_invert_toggled)
        selection_panel.label.opened.connect(self.loader.load_labels)
        canvas = selection_panel.canvas
        canvas.changed.connect(lambda: self.selection.set_custom(canvas.drawing.to_image(), "drawing", "drawing"))
        selection_panel.cleared.connect(lambda: self.selection.choose(self.selection.index))
        self.search.subscribe(self._show)
        self.views.search.search_requested.connect(self.search_now)
        self.views.data.pressed.connect(
            lambda x, y: self.selection.set_custom(np.array([x, y], np.float32), "drawing", formatting.vector((x, y)))
        )
        self.follow_palette(self.views, self.selection_panel)

    def unsupported_reason(self, card: "ModelCard") -> str | None:
        """Return why nothing can be encoded; a model without an encoder may have a search for latents."""
        return None if self.method is not None else super().unsupported_reason(card)

    @property
    def method(self) -> EncodingMethod | None:
        """How the model finds a latent; None where it cannot, or while there is none."""
        if self.card is None:
            return None
        encode = self.card.capability("encode")
        if encode.available:
            return "exact" if encode.how == "exact" else "posterior"
        return "search" if self.card.capability("invert").available else None

    def clear(self) -> None:
        """Discard the data of the former run."""
        self.search.clear()
        self._file, self._requested_image = None, ()
        self.loader.clear()
        index = self.selection.index
        self.selection.reset(0)
        self.selection.index = index  # chosen by the user, as in the other tabs; of a smaller test set the last
        self.selection_panel.canvas.clear()
        self.views.data.set_data(None)
        self.views.note.hide()

    def stop(self) -> None:
        """Stop requests and cancel a search for a latent."""
        self._search_timer.stop()
        if self.search.is_running:
            self.search.clear()
        if self.loader.x is None:
            self._requested_image = ()  # the request for the image itself is canceled as well
        super().stop()

    def show_snapshot(self, card: "ModelCard", step: int) -> None:
        """Encode the chosen image with the snapshot."""
        self.loader.set_step(step)
        size, method = int(np.prod(card.latent_shape)), self.method
        self.selection_panel.set_data(card.data)
        if not self.is_point_data:
            self.selection_panel.set_image_shape(card.image_shape)
        else:
            self.request_data_points(self.views.data)
        if method is not None:
            is_image = not self.is_point_data and size == int(np.prod(card.image_shape))
            self.views.arrange(method, is_point_data=self.is_point_data, latent_size=size, latent_is_image=is_image)
        if self.selection.num_test != card.data.num_test:
            index = self.selection.index
            self.selection.reset(card.data.num_test)
            self.selection.choose(index)  # encodes, through `_on_selection_changed`
        else:
            self._on_selection_changed()

    def activated(self) -> None:
        """Bring the tab up to date."""
        self.loader.reset_page()
        super().activated()

    def key_actions(self, shift: bool) -> KeyActions:
        """Return the actions: arrows and R choose a test image, Enter searches for its latent, Esc cancels that."""
        if shift:
            return {}
        actions: dict[int, Callable[[], object]] = {
            Qt.Key.Key_Right: lambda: self.selection.step_by(1),
            Qt.Key.Key_Left: lambda: self.selection.step_by(-1),
            Qt.Key.Key_Down: lambda: self.selection.step_by(8),
            Qt.Key.Key_Up: lambda: self.selection.step_by(-8),
            Qt.Key.Key_R: self.selection.choose_random,
        }
        if self.method == "search":
            actions[Qt.Key.Key_Return] = self.search_now
            if self.search.is_running:
                actions[Qt.Key.Key_Escape] = self.search.cancel
        return actions

    def open_file(self, file: Path) -> None:
        """Encode an image file; dark on light is inverted automatically."""
        if self.card is None or self.is_point_data:
            return
        try:
            image = read_image_file(file, self.card.image_shape)
        except UserError as error:
            self.views.note.setText(str(error))
            self.views.note.show()
            return
        light = is_light(image)
        self._file = file
        with QSignalBlocker(self.selection_panel.inverted):
            self.selection_panel.inverted.setChecked(light)
        self._select_file(255 - image if light else image)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Accept an image file, and leave the folder of a run to the window."""
        accept_path(event, IMAGE_SUFFIXES)

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Encode an image file."""
        file = accept_path(event, IMAGE_SUFFIXES)
        if file is not None:
            self.open_file(file)

    def save_targets(self) -> list[SaveTarget]:
        """Return the images that are shown."""
        current, views = self.current, self.views
        if current is None:
            return []
        row = SaveTarget.of_image(
            "Planes" if current.is_point_data else "All images in a row", partial(views.row_image, current)
        )
        if current.is_point_data:
            return [row]
        names = {"reconstruction": "Reconstruction", "x": "Image", "difference": "Difference", "latent": "Latent map"}
        visible = [name for name in names if not views.image_views[name].isHidden()]
        targets = [
            row,
            *(SaveTarget.of_image(names[name], views.image_views[name].displayed_image) for name in visible),
        ]
        if self.loader.samples is not None:
            targets.append(SaveTarget.of_image("Posterior samples", views.samples.displayed_image))
        return targets

    def build_command(self, run_id: str, step: int) -> str | None:
        """Return the command that reconstructs the same test image or point, or None for a file or a drawing."""
        index, search = self.selection.index, self.search
        if self.selection.kind != "test":
            return None
        if self.method != "search":
            return command_lines.reconstruct(run_id, first=index, count=1, step=step)
        return command_lines.invert(
            run_id,
            first=index,
            count=1,
            steps=search.steps,
            restarts=search.restarts,
            near=search.has_prior_penalty,
            step=step,
        )

    def state(self) -> dict[str, Any]:
        """Return the test image and the settings of the search."""
        search = {
            "steps": self.search.steps,
            "restarts": self.search.restarts,
            "near": self.search.has_prior_penalty,
            "at_once": self.views.search.automatic_box.isChecked(),
        }
        return {"index": self.selection.index, "search": search}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the values of `state`; invalid ones are ignored."""
        self.views.search.restore(state.get("search"))
        self.selection.index = saved_int(state, "index", 0, MAX_IMAGE_INDEX, self.selection.index)

    # Widgets ----------------------------------------------------------------------------------------------------

    @property
    def current(self) -> Encoding | None:
        """The encoding that is shown; None while it is unknown."""
        if self.method == "search":
            return None if self.search.result is None else search_encoding(self.search.result)
        return self.loader.current

    def _on_selection_changed(self) -> None:
        self.views.note.hide()
        if self.selection.kind != "test" and self.selection.custom is not None:
            self.context.own_image = OwnImage(self.selection.custom, self.selection.name)
        if self.is_showing and self.selection.num_test:
            if self.method == "search":
                custom = None if self.selection.custom is None else self.selection.custom.tobytes()
                image = (self.selection.kind, self.selection.index, custom)
                if image != self._requested_image:
                    self._requested_image = image
                    self.search.clear()
                    self.loader.load_image(self.selection)
                is_known = self.search.result is not None and self.search.result.step == self.step
                if self.views.search.automatic_box.isChecked() and not self.search.is_running and not is_known:
                    self._search_timer.start()
            else:
                self.loader.encode(self.selection, has_posterior=self.method == "posterior")
            if not self.is_point_data:
                self.loader.load_page(self.selection.page())
        self.selection_panel.refresh(self.loader)

    def search_now(self) -> None:
        """Search for the latent of the image, with the current snapshot."""
        self._search_timer.stop()
        if self.method != "search" or self.step is None or not self.is_active:
            return
        if self.selection.kind == "test":
            self.search.start(self.step, index=self.selection.index)
        elif self.selection.custom is not None:
            self.search.start(self.step, image=self.selection.custom[None])

    def _on_invert_toggled(self, _: bool) -> None:
        if self.selection.kind == "file" and self.selection.custom is not None:
            self._select_file(255 - self.selection.custom)

    def _select_file(self, image: Array) -> None:
        name = one_line(self._file.name, 40) if self._file is not None else ""
        self.selection.set_custom(image, "file", name)

    def _show(self) -> None:
        loader, views = self.loader, self.views
        if loader.labels is not None and not self.selection.has_labels:
            self.selection.set_labels(loader.labels)
        self.selection_panel.refresh(loader)
        # Show the encoding, or the image alone.
        current, method = self.current, self.method
        if current is None or method is None:
            views.show_waiting(loader.x if method == "search" else None, self._caption(loader.label), self._hint())
        else:
            label = current.label if method != "search" else loader.label
            views.show_encoding(current, self._caption(label), loader.sampled_z, _RECONSTRUCTION_CAPTIONS[method])
            views.show_samples(loader.samples, loader.failure or "sampling…")
        # The preprocessing, and the legend of the colors.
        if self.card is not None and current is not None and not current.is_point_data:
            setup = self.card.data.setup or "no preprocessing"
            custom = "" if self.selection.kind == "test" else " Shown after preprocessing."
            latent = ", reconstructed from z = μ" if method == "posterior" else ""
            views.setup.setText(f"One image{latent}; {setup}.{custom} {current.difference_legend()}")
        else:
            views.setup.setText("")
        views.history.set_history(None if self.search.result is None else self.search.result.history, self._hint())

    def _caption(self, label: int) -> str:
        suffix = f"  label {self.card.data.class_name(label)}" if label >= 0 and self.card is not None else ""
        return f"x   #{self.selection.index}{suffix}" if self.selection.kind == "test" else f"x   {self.selection.name}"

    def _hint(self) -> str:
        if self.loader.failure:
            return self.loader.failure
        if self.method != "search":
            return "encoding…"
        if self.search.is_running:
            return "searching for z…"
        return self.search.failure or "Press Enter to search for the latent of this image."
