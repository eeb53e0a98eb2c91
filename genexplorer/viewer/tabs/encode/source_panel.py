"""The column at the left of the Encode tab: it selects a test image, a file, or a drawing."""

from pathlib import Path

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.encode.canvas import SIDE_PX, SMALL_SIDE_PX, DrawingCanvas
from genexplorer.viewer.tabs.encode.encoding import EncodingLoader
from genexplorer.viewer.tabs.encode.image_file import SUFFIXES
from genexplorer.viewer.tabs.encode.source import ImageSource
from genexplorer.viewer.tabs.encode.thumbnails import ThumbnailGrid
from genexplorer.viewer.widgets import labels
from genexplorer.viewer.widgets.controls import tool_button

WIDTH = 264
_ROOMY_PX = 520


class SourcePanel(QWidget):
    """The widgets of the image source.

    Signals:
        file_chosen(Path): A file was chosen.
        inverted_changed(bool): Invert the image, or not.
        labels_requested: The labels are needed for filtering.
        changed: The drawing has changed.
        cleared: The drawing was cleared.
    """

    file_chosen = pyqtSignal(Path)
    inverted_changed = pyqtSignal(bool)
    labels_requested = pyqtSignal()
    changed = pyqtSignal()
    cleared = pyqtSignal()

    def __init__(self, source: ImageSource, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(WIDTH)
        self._source = source
        self._points = False
        self.index = QSpinBox()
        self.index.setAccessibleName("index of the test image")
        self.index.setPrefix("#")
        self.index.setKeyboardTracking(False)
        self.label = _LabelBox()
        self.label.setToolTip("Step through one class only")
        self.thumbnails = ThumbnailGrid()
        self.canvas = DrawingCanvas()
        self.file_note = labels.muted()
        self.inverted = QCheckBox("invert")
        self.inverted.setToolTip("Invert the image, as for a drawing on paper")
        self._buttons = {
            "previous": tool_button("‹", "Previous (←)"),
            "next": tool_button("›", "Next (→)"),
            "random": tool_button("Random", "Random image (R)"),
        }
        self._title, self._own = labels.heading("Test image"), labels.heading("Your image")
        self._open = QPushButton("Open image…")
        self._clear = tool_button("Clear", "Clear the drawing")
        self._build()
        self._bind()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Fit the canvas to the height."""
        super().resizeEvent(event)
        self.canvas.set_side(SIDE_PX if self.height() >= _ROOMY_PX else SMALL_SIDE_PX)

    def set_points(self, points: bool) -> None:
        """Select points instead of images: files and drawings are replaced by a click in the plane."""
        self._points = points
        self._title.setText("Test point" if points else "Test image")
        for widget in (self.thumbnails, self._open, self.inverted, self.canvas, self._clear):
            widget.setVisible(not points)

    def refresh(self, loader: EncodingLoader) -> None:
        """Show the selection."""
        source = self._source
        custom = f"x = {source.name}" if source.kind != "test" else "Click or drag in the plane of the data."
        self.index.blockSignals(True)
        self.index.setRange(0, max(0, source.num_test - 1))
        self.index.setValue(source.index)
        self.index.blockSignals(False)
        self._show_labels()
        selected = source.index if source.kind == "test" else None
        self.thumbnails.show_page(loader.thumbnails, loader.thumbnail_indices, selected)
        if self._points:
            self.file_note.setText(custom)
        else:
            self.file_note.setText(source.name if source.kind == "file" else "or drop an image file here")

    def _show_labels(self) -> None:
        source = self._source
        classes = [None, *source.classes]
        items = [self.label.itemData(number) for number in range(self.label.count())]
        if items != classes:
            self.label.clear()
            self.label.addItem("any label", None)
            for label in source.classes:
                self.label.addItem(f"only {label}", label)
        self.label.setCurrentIndex(max(0, self.label.findData(source.label)) if source.label is not None else 0)

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addLayout(_row(self._title, self.label))
        column.addLayout(_row(self._buttons["previous"], self.index, self._buttons["next"], self._buttons["random"]))
        column.addWidget(self.thumbnails)
        column.addWidget(labels.rule())
        column.addLayout(_row(self._own, self._clear))
        column.addLayout(_row(self._open, self.inverted))
        column.addWidget(self.file_note)
        column.addWidget(self.canvas, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)

    def _bind(self) -> None:
        source = self._source
        self.index.valueChanged.connect(source.choose)
        self._buttons["previous"].clicked.connect(lambda: source.step_by(-1))
        self._buttons["next"].clicked.connect(lambda: source.step_by(1))
        self._buttons["random"].clicked.connect(lambda: source.choose_random())
        self.label.opened.connect(self.labels_requested)
        self.label.activated.connect(lambda _: source.filter(self.label.currentData()))
        self.thumbnails.selected.connect(source.choose)
        self._open.clicked.connect(self._choose_file)
        self.inverted.toggled.connect(self.inverted_changed)
        self.canvas.changed.connect(self.changed)
        self._clear.clicked.connect(self._clear_canvas)

    def _choose_file(self) -> None:
        patterns = " ".join(f"*{suffix}" for suffix in SUFFIXES)
        name, _ = QFileDialog.getOpenFileName(self, "Open an image", "", f"Images ({patterns})")
        if name:
            self.file_chosen.emit(Path(name))

    def _clear_canvas(self) -> None:
        self.canvas.clear()
        self.cleared.emit()


class _LabelBox(QComboBox):
    """A combo box that signals when it is opened, so that labels are loaded only then."""

    opened = pyqtSignal()

    def showPopup(self) -> None:
        self.opened.emit()
        super().showPopup()


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(GAP)
    for widget in widgets:
        row.addWidget(widget, 1 if isinstance(widget, QSpinBox | QComboBox | QLabel) else 0)
    return row
