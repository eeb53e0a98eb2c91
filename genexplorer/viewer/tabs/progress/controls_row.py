"""Controls above the images: kind, step, comparison with the first and the newest, animation, command."""

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QPainter, QPaintEvent
from PyQt6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.progress import recorded_images
from genexplorer.viewer.widgets.controls import discard, tool_button
from genexplorer.viewer.widgets.labels import heading


class _ElidedLabel(QLabel):
    """A label whose text is elided where it does not fit."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "muted")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the text, elided."""
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        words = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, words)


class ProgressControls(QWidget):
    """The controls; each emits a signal.

    Signals:
        kind_chosen(str): A kind of images was selected.
        hold_wanted(bool): The first image (True) or the newest should be shown until `released`.
        released, animation_wanted, command_wanted.
    """

    kind_chosen = pyqtSignal(str)
    hold_wanted = pyqtSignal(bool)
    released = pyqtSignal()
    animation_wanted = pyqtSignal()
    command_wanted = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kinds: dict[str, QToolButton] = {}
        self._group = QButtonGroup(self)
        self._switch = QHBoxLayout()
        self._switch.setSpacing(0)
        self.step, self.detail = heading(""), _ElidedLabel()
        self.first = tool_button("First", "Shows the first image while pressed (F)")
        self.newest = tool_button("Newest", "Shows the newest image while pressed (G)")
        self.animation = tool_button("Save animation…", "Save the training as GIF, WebP or MP4, in the background (M)")
        self.command = tool_button("Copy as command", "Copy the shell command that makes the animation (Ctrl+Shift+C)")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addLayout(self._switch)
        row.addWidget(self.step)
        row.addWidget(self.detail, 1)
        for button in (self.first, self.newest, self.animation, self.command):
            row.addWidget(button)
        for button, first in ((self.first, True), (self.newest, False)):
            button.pressed.connect(lambda first=first: self.hold_wanted.emit(first))
            button.released.connect(self.released)
        self.animation.clicked.connect(lambda: self.animation_wanted.emit())
        self.command.clicked.connect(lambda: self.command_wanted.emit())

    def show_kinds(self, kinds: list[str], selected: str) -> None:
        """Show a button for each kind; none where there is only one."""
        if list(self.kinds) != kinds:
            self._rebuild(kinds)
        for kind, button in self.kinds.items():
            button.setChecked(kind == selected)
            button.setVisible(len(kinds) > 1)

    def show_step(self, kind: str, step: int | None, steps: list[int], *, is_held: bool) -> None:
        """Show which image is displayed."""
        self.step.setText("" if step is None else f"step {step:,}")
        if step is None:
            self.detail.setText("")
            return
        position = "held" if is_held else f"{steps.index(step) + 1} of {len(steps)}"
        self.detail.setText(f"{position}  ·  {recorded_images.description_of(kind)}")
        self.detail.setToolTip(recorded_images.description_of(kind))

    def show_job(self, fraction: float | None) -> None:
        """Show the progress of an animation, or, for None, that one can be saved."""
        self.animation.setText("Save animation…" if fraction is None else f"Cancel  {fraction:.0%}")

    def _rebuild(self, kinds: list[str]) -> None:
        for button in self.kinds.values():
            self._group.removeButton(button)
            self._switch.removeWidget(button)
            discard(button)
        self.kinds = {}
        for kind in kinds:
            tip = f"{recorded_images.name_of(kind)}: {recorded_images.description_of(kind)} (K: next)"
            button = tool_button(recorded_images.name_of(kind), tip, checkable=True)
            button.clicked.connect(lambda _=False, kind=kind: self.kind_chosen.emit(kind))
            self._group.addButton(button)
            self._switch.addWidget(button)
            self.kinds[kind] = button
