"""The widgets that choose an image: a page of test images, a file, or the drawing canvas."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QEvent, QPoint, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QHelpEvent, QResizeEvent
from PyQt6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QPushButton, QToolTip, QVBoxLayout, QWidget

from genexplorer.session.class_scheme import ClassScheme, class_scheme
from genexplorer.session.palette import Palette
from genexplorer.viewer.style import GAP, scaled
from genexplorer.viewer.tabs.encode.canvas import BLACK, CANVAS_SIDE_PX, SMALL_CANVAS_SIDE_PX, WHITE, DrawingCanvas
from genexplorer.viewer.tabs.encode.encoding import EncodingLoader
from genexplorer.viewer.tabs.encode.image_selection import IMAGE_SUFFIXES, ImageSelection
from genexplorer.viewer.widgets import labels
from genexplorer.viewer.widgets.class_list import make_searchable
from genexplorer.viewer.widgets.color_button import ColorButton
from genexplorer.viewer.widgets.controls import check_box, fill_box, set_entries, set_value, spin_box, tool_button
from genexplorer.viewer.widgets.images import ImageView, montage, to_qimage

if TYPE_CHECKING:
    from trainers.model_card import DataCard

THUMBNAIL_COLUMNS = 8
THUMBNAIL_GAP_PX = 2  # between two thumbnails, in pixels of the images
WIDTH_PX = 264
_LARGE_CANVAS_MIN_HEIGHT_PX = 520  # a lower panel has the small canvas


class ThumbnailGrid(ImageView):
    """A page of thumbnails, the selected one framed.

    Signals:
        selected(int): The index of the test image that was clicked.
    """

    selected = pyqtSignal(int)

    def __init__(self) -> None:
        super().__init__("test images")
        self._indices = np.zeros(0, np.int64)
        self.class_names: list[str] = []  # of the images, "" where there is none
        self._latent_size = (28, 28)
        self.max_factor = 1
        self.pressed.connect(self._pressed)
        self.setFixedHeight(scaled(5 * (28 + THUMBNAIL_GAP_PX) + 4))
        self.setMinimumWidth(scaled(THUMBNAIL_COLUMNS * (28 + THUMBNAIL_GAP_PX)))

    def sizeHint(self) -> QSize:
        """Return room for eight by five thumbnails."""
        return QSize(scaled(THUMBNAIL_COLUMNS * (28 + THUMBNAIL_GAP_PX)), scaled(5 * (28 + THUMBNAIL_GAP_PX)))

    def show_page(
        self, images: NDArray[np.uint8] | None, indices: NDArray[np.int64], selected: int | None, hint: str
    ) -> None:
        """Show images, (N, H, W, C), of these test indices, (N,), and frame one; without images a hint."""
        self._indices = indices
        if images is None or not len(images):
            self.set_image(None, hint=hint)
            return
        self._latent_size = images.shape[1], images.shape[2]
        self.set_image(to_qimage(montage(images, THUMBNAIL_COLUMNS, THUMBNAIL_GAP_PX)))
        matches = np.flatnonzero(indices == selected) if selected is not None else np.zeros(0, np.int64)
        frame, (height, width) = None, self._latent_size
        if len(matches):
            row, column = divmod(int(matches[0]), THUMBNAIL_COLUMNS)
            frame = QRectF(column * (width + THUMBNAIL_GAP_PX), row * (height + THUMBNAIL_GAP_PX), width, height)
        self.set_frame(frame)

    def event(self, event: QEvent | None) -> bool:
        """Show the index and the class of the image under the mouse."""
        if isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.tooltip_at(event.pos()))
            return True
        return super().event(event)

    def tooltip_at(self, position: QPoint) -> str:
        """Return the tooltip at a position of the widget: "#12  tulip"; empty beside the images."""
        number = self._position_at(self.pixel_at(position.toPointF()))
        if number is None:
            return ""
        name = self.class_names[number] if number < len(self.class_names) else ""
        return labels.literal_tooltip(f"#{self._indices[number]}  {name}".rstrip())

    def _pressed(self, pixel: QPoint) -> None:
        number = self._position_at(pixel)
        if number is not None:
            self.selected.emit(int(self._indices[number]))

    def _position_at(self, pixel: QPoint) -> int | None:
        if pixel.x() < 0:
            return None
        row, column = (
            pixel.y() // (self._latent_size[0] + THUMBNAIL_GAP_PX),
            pixel.x() // (self._latent_size[1] + THUMBNAIL_GAP_PX),
        )
        number = row * THUMBNAIL_COLUMNS + column
        return number if column < THUMBNAIL_COLUMNS and number < len(self._indices) else None


class SelectionPanel(QWidget):
    """The widgets that choose the image to encode.

    Signals:
        file_chosen(Path): A file was chosen.
        cleared: The drawing was cleared.
    """

    file_chosen = pyqtSignal(Path)
    cleared = pyqtSignal()

    def __init__(self, selection: ImageSelection) -> None:
        super().__init__()
        self.setFixedWidth(scaled(WIDTH_PX))
        self._selection = selection
        self._is_point_data = False
        self._scheme = ClassScheme()
        # Create the widgets.
        self.index = spin_box(0, 0, "index of the test image", prefix="#")
        self.label = _LabelBox()
        self.label.setToolTip("Step through one class only; type to find it")
        self.label.setAccessibleName("class")
        self.thumbnails = ThumbnailGrid()
        self.canvas = DrawingCanvas()
        self.file_note = labels.muted()
        self.inverted = check_box("invert", "Invert the image, as for a drawing on paper")
        previous, following = tool_button("‹", "Previous (←)"), tool_button("›", "Next (→)")
        random = tool_button("Random", "Random image (R)")
        self._test_heading, self._own_heading = labels.heading("Test image"), labels.heading("Your image")
        self._open_button = QPushButton("Open image…")
        self._clear_button = tool_button("Clear", "Clear the drawing")
        # Lay out the rows.
        first = fill_box(QHBoxLayout(), (self._test_heading, 1), (self.label, 1))
        second = fill_box(QHBoxLayout(), previous, (self.index, 1), following, random)
        self.pen_button = ColorButton("pen", "Color of the pen")
        self.background_button = ColorButton("background", "Color of the background")
        colors = self.pen_button, self.background_button
        third = fill_box(QHBoxLayout(), (self._own_heading, 1), *colors, self._clear_button, spacing=GAP // 2)
        fourth = fill_box(QHBoxLayout(), self._open_button, self.inverted)
        column = fill_box(QVBoxLayout(self), first, second, self.thumbnails, labels.rule(), third, fourth)
        column.addWidget(self.file_note)
        column.addWidget(self.canvas, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
        # Connect the signals.
        self.index.valueChanged.connect(selection.choose)
        previous.clicked.connect(lambda: selection.step_by(-1))
        following.clicked.connect(lambda: selection.step_by(1))
        random.clicked.connect(selection.choose_random)
        self.label.activated.connect(lambda _: selection.filter(self.label.currentData()))
        self.thumbnails.selected.connect(selection.choose)
        self._open_button.clicked.connect(self._choose_file)
        self._clear_button.clicked.connect(self.canvas.clear)
        self._clear_button.clicked.connect(self.cleared)
        self.pen_button.color_chosen.connect(lambda color: self.canvas.set_colors(pen=color))
        self.background_button.color_chosen.connect(lambda color: self.canvas.set_colors(background=color))

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Fit the canvas to the height."""
        super().resizeEvent(event)
        has_room = self.height() >= scaled(_LARGE_CANVAS_MIN_HEIGHT_PX)
        self.canvas.set_side(scaled(CANVAS_SIDE_PX if has_room else SMALL_CANVAS_SIDE_PX))

    def set_data(self, data: "DataCard") -> None:
        """Show the widgets for points, which a click in the plane chooses, or images, and the names of the classes."""
        self._is_point_data = is_point_data = data.kind == "points"
        self._scheme = class_scheme(data)
        self._test_heading.setText("Test point" if is_point_data else "Test image")
        self._own_heading.setText("Your point" if is_point_data else "Your image")
        for widget in (self.thumbnails, self._open_button, self.inverted, self.canvas, self._clear_button):
            widget.setVisible(not is_point_data)
        self._show_color_buttons()

    def _show_color_buttons(self) -> None:
        for button in (self.pen_button, self.background_button):
            button.setVisible(self.canvas.drawing.has_colors and not self._is_point_data)

    def set_image_shape(self, image_shape: tuple[int, int, int]) -> None:
        """Use another image size, (C, H, W); in color the pen and the background have colors."""
        is_other = image_shape != self.canvas.drawing.image_shape
        self.canvas.set_shape(image_shape)
        drawing = self.canvas.drawing
        if is_other and drawing.has_colors:  # most color images have a light background
            self.canvas.set_colors(pen=BLACK, background=WHITE)
        for button, color in ((self.pen_button, drawing.pen), (self.background_button, drawing.background)):
            button.set_color(color)
        self._show_color_buttons()

    def recolor(self, palette: Palette) -> None:
        """Take the width that suits the size of the fonts, which changes with the palette."""
        self.setFixedWidth(scaled(WIDTH_PX))

    def refresh(self, loader: EncodingLoader) -> None:
        """Show the selection."""
        selection = self._selection
        custom = f"x = {selection.name}" if selection.kind != "test" else "Click or drag in the plane of the data."
        set_value(self.index, selection.index, max(0, selection.num_test - 1))
        # The classes to which stepping can be restricted.
        classes = [(f"only {self._scheme.name(label)}", label) for label in selection.classes]
        set_entries(self.label, [("any label", None), *classes], selection.label)
        selected = selection.index if selection.kind == "test" else None
        hint = "no test images" if loader.failure else "loading test images…"
        self.thumbnails.show_page(loader.thumbnails, loader.thumbnail_indices, selected, hint)
        names = [self._scheme.name(label) if label >= 0 else "" for label in loader.thumbnail_labels.tolist()]
        self.thumbnails.class_names = names
        if self._is_point_data:
            self.file_note.setText(custom)
        else:
            self.file_note.setText(selection.name if selection.kind == "file" else "or drop an image file here")

    def _choose_file(self) -> None:
        patterns = " ".join(f"*{suffix}" for suffix in IMAGE_SUFFIXES)
        name, _ = QFileDialog.getOpenFileName(self, "Open an image", "", f"Images ({patterns})")
        if name:
            self.file_chosen.emit(Path(name))


class _LabelBox(QComboBox):
    """A combo box that can be searched and signals when it is opened, so that labels are loaded only then."""

    opened = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        make_searchable(self).focused.connect(self.opened)

    def showPopup(self) -> None:
        self.opened.emit()
        super().showPopup()
