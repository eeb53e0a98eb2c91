"""The column at the left of the Encode tab: a test image, a file, or a drawing."""

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
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.encode.canvas import SIDE_PX, SMALL_SIDE_PX, InkCanvas
from genexplorer.viewer.tabs.encode.encoding import Encodings
from genexplorer.viewer.tabs.encode.image_file import SUFFIXES
from genexplorer.viewer.tabs.encode.source import Source
from genexplorer.viewer.tabs.encode.thumbnails import ThumbGrid
from genexplorer.viewer.widgets import labels

WIDTH = 264
_ROOMY_PX = 520


class Chooser(QWidget):
    """Binds the source to its widgets.

    Signals:
        file_wanted(Path): A file was chosen.
        inverted_changed(bool): Dark and light should change places.
        labels_wanted: The labels are needed for filtering.
        drawn: The canvas has changed.
        cleared: The canvas was wiped.
    """

    file_wanted = pyqtSignal(Path)
    inverted_changed = pyqtSignal(bool)
    labels_wanted = pyqtSignal()
    drawn = pyqtSignal()
    cleared = pyqtSignal()

    def __init__(self, source: Source, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(WIDTH)
        self._source = source
        self._points = False
        self.index = QSpinBox()
        self.index.setAccessibleName("index of the test image")
        self.index.setPrefix("#")
        self.index.setKeyboardTracking(False)
        self.label = _LabelBox()
        self.label.setToolTip("Walk through one class only")
        self.thumbs = ThumbGrid()
        self.canvas = InkCanvas()
        self.file_note = labels.muted()
        self.inverted = QCheckBox("invert")
        self.inverted.setToolTip("Let dark and light change places, as for ink on paper")
        self._buttons = {
            "previous": _tool("‹", "The one before (←)"),
            "next": _tool("›", "The next one (→)"),
            "random": _tool("random", "Any other (R)"),
        }
        self._title, self._own = labels.heading("Test image"), labels.heading("Your own")
        self._open = QPushButton("Open image…")
        self._clear = _tool("clear", "Wipe the canvas")
        self._build()
        self._bind()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Make the canvas as large as the height allows."""
        super().resizeEvent(event)
        self.canvas.set_side(SIDE_PX if self.height() >= _ROOMY_PX else SMALL_SIDE_PX)

    def set_points(self, points: bool) -> None:
        """Choose among points: there is nothing to draw or to open, a click in the plane is one's own."""
        self._points = points
        self._title.setText("Test point" if points else "Test image")
        for widget in (self.thumbs, self._open, self.inverted, self.canvas, self._clear):
            widget.setVisible(not points)

    def refresh(self, encodings: Encodings) -> None:
        """Show what is chosen."""
        source = self._source
        own = f"x = {source.name}" if source.kind != "test" else "Click in the plane of the data, or drag."
        self.index.blockSignals(True)
        self.index.setRange(0, max(0, source.num_test - 1))
        self.index.setValue(source.index)
        self.index.blockSignals(False)
        self._show_labels()
        chosen = source.index if source.kind == "test" else None
        self.thumbs.show_page(encodings.thumbs, encodings.thumb_indices, chosen)
        if self._points:
            self.file_note.setText(own)
        else:
            self.file_note.setText(source.name if source.kind == "file" else "or drop a picture anywhere here")

    def _show_labels(self) -> None:
        source = self._source
        wanted = [None, *source.classes]
        known = [self.label.itemData(number) for number in range(self.label.count())]
        if known != wanted:
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
        column.addWidget(self.thumbs)
        column.addWidget(labels.rule())
        column.addLayout(_row(self._own, self._clear))
        column.addLayout(_row(self._open, self.inverted))
        column.addWidget(self.file_note)
        column.addWidget(self.canvas, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)

    def _bind(self) -> None:
        source = self._source
        self.index.valueChanged.connect(source.choose)
        self._buttons["previous"].clicked.connect(lambda: source.move(-1))
        self._buttons["next"].clicked.connect(lambda: source.move(1))
        self._buttons["random"].clicked.connect(lambda: source.random())
        self.label.opened.connect(self.labels_wanted)
        self.label.activated.connect(lambda _: source.filter(self.label.currentData()))
        self.thumbs.chosen.connect(source.choose)
        self._open.clicked.connect(self._choose_file)
        self.inverted.toggled.connect(self.inverted_changed)
        self.canvas.drawn.connect(self.drawn)
        self._clear.clicked.connect(self._wipe)

    def _choose_file(self) -> None:
        patterns = " ".join(f"*{suffix}" for suffix in SUFFIXES)
        name, _ = QFileDialog.getOpenFileName(self, "Open a picture", "", f"Pictures ({patterns})")
        if name:
            self.file_wanted.emit(Path(name))

    def _wipe(self) -> None:
        self.canvas.clear()
        self.cleared.emit()


class _LabelBox(QComboBox):
    """Says when it is opened, so that the labels are asked for only then."""

    opened = pyqtSignal()

    def showPopup(self) -> None:
        self.opened.emit()
        super().showPopup()


def _tool(text: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(GAP)
    for widget in widgets:
        row.addWidget(widget, 1 if isinstance(widget, QSpinBox | QComboBox | QLabel) else 0)
    return row
