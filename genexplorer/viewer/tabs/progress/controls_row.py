"""The row above the pictures: which kind, which step, comparing with the first and the newest, film and command."""

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QPainter, QPaintEvent
from PyQt6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.progress import recorded_images
from genexplorer.viewer.widgets.controls import discard, tool_button
from genexplorer.viewer.widgets.labels import heading


class _Elided(QLabel):
    """Words that end in an ellipsis where there is no room for them."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "muted")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw what there is room for."""
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        words = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, words)


class Head(QWidget):
    """Tells the tab what was pressed.

    Signals:
        kind_chosen(str): A kind of pictures.
        hold_wanted(bool): The first picture should be shown, or the newest, until `released`.
        released, film_wanted, command_wanted.
    """

    kind_chosen = pyqtSignal(str)
    hold_wanted = pyqtSignal(bool)
    released = pyqtSignal()
    film_wanted = pyqtSignal()
    command_wanted = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kinds: dict[str, QToolButton] = {}
        self._group = QButtonGroup(self)
        self._switch = QHBoxLayout()
        self._switch.setSpacing(0)
        self.step, self.detail = heading(""), _Elided()
        self.first = tool_button("First", "Shows the first picture as long as it is held (F)")
        self.newest = tool_button("Newest", "Shows the newest picture as long as it is held (G)")
        self.film = tool_button("Save film…", "The whole training as GIF, WebP or MP4, written in the background (M)")
        self.command = tool_button("Copy as command", "Copy the command line that makes the film (Ctrl+Shift+C)")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addLayout(self._switch)
        row.addWidget(self.step)
        row.addWidget(self.detail, 1)
        for button in (self.first, self.newest, self.film, self.command):
            row.addWidget(button)
        for button, first in ((self.first, True), (self.newest, False)):
            button.pressed.connect(lambda first=first: self.hold_wanted.emit(first))
            button.released.connect(self.released)
        self.film.clicked.connect(lambda: self.film_wanted.emit())
        self.command.clicked.connect(lambda: self.command_wanted.emit())

    def show_kinds(self, kinds: list[str], chosen: str) -> None:
        """Show a switch for the kinds that were recorded; none where there is but one."""
        if list(self.kinds) != kinds:
            self._rebuild(kinds)
        for kind, button in self.kinds.items():
            button.setChecked(kind == chosen)
            button.setVisible(len(kinds) > 1)

    def show_step(self, kind: str, step: int | None, steps: list[int], *, held: bool) -> None:
        """Write which picture is shown."""
        self.step.setText("" if step is None else f"step {step:,}")
        if step is None:
            self.detail.setText("")
            return
        which = "held" if held else f"{steps.index(step) + 1} of {len(steps)}"
        self.detail.setText(f"{which}  ·  {recorded_images.told_of(kind)}")
        self.detail.setToolTip(recorded_images.told_of(kind))

    def show_film(self, share: float | None) -> None:
        """Show how far the film is, or, for None, that one can be made."""
        self.film.setText("Save film…" if share is None else f"Cancel film  {share:.0%}")

    def _rebuild(self, kinds: list[str]) -> None:
        for button in self.kinds.values():
            self._group.removeButton(button)
            self._switch.removeWidget(button)
            discard(button)
        self.kinds = {}
        for kind in kinds:
            told = f"{recorded_images.name_of(kind)}: {recorded_images.told_of(kind)} (K: next)"
            button = tool_button(recorded_images.name_of(kind), told, checkable=True)
            button.clicked.connect(lambda _=False, kind=kind: self.kind_chosen.emit(kind))
            self._group.addButton(button)
            self._switch.addWidget(button)
            self.kinds[kind] = button
