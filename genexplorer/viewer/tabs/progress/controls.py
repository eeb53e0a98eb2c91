"""The controls above the images (kind, step, first and newest, animation, command) and the thumbnails below."""

from collections.abc import Sequence

from PyQt6.QtCore import QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen
from PyQt6.QtWidgets import QButtonGroup, QHBoxLayout, QSizePolicy, QToolButton, QWidget

from genexplorer.session import formatting
from genexplorer.viewer.style import GAP, text_font
from genexplorer.viewer.tabs.progress import recorded_images
from genexplorer.viewer.widgets.controls import discard, tool_button
from genexplorer.viewer.widgets.image_grid import ImageGrid
from genexplorer.viewer.widgets.images import montage, to_qimage
from genexplorer.viewer.widgets.labels import elided, heading


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
        self.step, self.detail = heading(""), elided()
        self.first = tool_button("First", "Shows the first image while pressed (F)")
        self.newest = tool_button("Newest", "Shows the newest image while pressed (G)")
        self.animation = tool_button("Save animation…", "Save the training as GIF, WebP or MP4, in the background (M)")
        self.command = tool_button("Copy as command", "Copy the shell command that makes the animation (Ctrl+Shift+C)")
        self.detail.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
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


SIDE_PX = 8 * GAP  # logical; of a thumbnail
COUNT = 8
_LABEL_PX = 2 * GAP
_THUMBNAIL_SIDE = 3  # rows and columns of a sheet of samples in a thumbnail


class ThumbnailStrip(QWidget):
    """Thumbnails with their steps.

    Signals:
        step_chosen(int): The step of the thumbnail that was pressed.
    """

    step_chosen = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frames: list[tuple[int, QImage]] = []
        self._step: int | None = None
        self.setFixedHeight(SIDE_PX + _LABEL_PX + 4)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("images through training")
        self.setToolTip("Images through training: click to go to a step")

    @property
    def steps(self) -> list[int]:
        """The steps that are shown."""
        return [step for step, _ in self._frames]

    def set_frames(self, frames: Sequence[tuple[int, QImage]]) -> None:
        """Show images with their steps, ascending."""
        self._frames = list(frames)
        self.setCursor(Qt.CursorShape.PointingHandCursor if frames else Qt.CursorShape.ArrowCursor)
        self.update()

    def set_step(self, step: int | None) -> None:
        """Mark the image of a step."""
        self._step = step
        self.update()

    def sizeHint(self) -> QSize:
        """Return a row."""
        return QSize(COUNT * (SIDE_PX + GAP), SIDE_PX + _LABEL_PX + 4)

    @property
    def marked(self) -> int | None:
        """The index of the marked image: the last one at or before the step."""
        if self._step is None:
            return None
        past = [place for place, step in enumerate(self.steps) if step <= self._step]
        return past[-1] if past else None

    def box_of(self, place: int) -> QRectF:
        """Return the rectangle of a thumbnail; the row fills the width."""
        count = max(1, len(self._frames))
        side = min(SIDE_PX, (self.width() - (count - 1) * GAP / 2) / count)
        gap = min(3.0 * GAP, (self.width() - count * side) / max(1, count - 1))
        return QRectF(place * (side + gap), SIDE_PX - side, side, side)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw thumbnails, steps and the mark."""
        painter = QPainter(self)
        painter.setFont(text_font(8))
        colors = self.palette()
        for place, (step, image) in enumerate(self._frames):
            box, here = self.box_of(place), place == self.marked
            size = image.size().scaled(box.size().toSize(), Qt.AspectRatioMode.KeepAspectRatio)
            inside = QRectF(0, 0, size.width(), size.height())
            inside.moveCenter(box.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(inside, image)
            role = QPalette.ColorRole.Highlight if here else QPalette.ColorRole.PlaceholderText
            color: QColor = colors.color(role)
            if here:
                painter.setPen(QPen(color, 2))
                painter.drawRect(inside.adjusted(1, 1, -1, -1))
            painter.setPen(colors.color(QPalette.ColorRole.Text) if here else color)
            words = formatting.count(step).replace(".0", "")
            below = QRectF(box.left() - GAP, SIDE_PX + 2, box.width() + 2 * GAP, _LABEL_PX)
            painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, words)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Select a step."""
        if event is None or event.button() != Qt.MouseButton.LeftButton:
            return
        for place, step in enumerate(self.steps):
            box = self.box_of(place)
            if box.left() <= event.position().x() <= box.right():
                self.step_chosen.emit(step)
                return


def thumbnail(sheet: ImageGrid, kind: str) -> QImage:
    """Return the first nine samples of a sheet, or, of other kinds, the whole image."""
    if kind == "samples" and len(sheet.images) >= _THUMBNAIL_SIDE * _THUMBNAIL_SIDE:
        columns = min(sheet.columns, _THUMBNAIL_SIDE)
        rows = [row * sheet.columns + column for row in range(_THUMBNAIL_SIDE) for column in range(columns)]
        first = sheet.images[[index for index in rows if index < len(sheet.images)]]
        return to_qimage(montage(first, columns))
    return to_qimage(montage(sheet.images, sheet.columns))
