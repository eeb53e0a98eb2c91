"""The controls above the recorded images, and the thumbnails below them."""

from collections.abc import Sequence

from PyQt6.QtCore import QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import QButtonGroup, QHBoxLayout, QSizePolicy, QToolButton, QWidget

from genexplorer.session import formatting
from genexplorer.viewer.style import GAP, make_pen, scale, scaled, text_font
from genexplorer.viewer.tabs.progress import recorded_images
from genexplorer.viewer.widgets.controls import Toolbar, clear_layout, fill_box, tool_button
from genexplorer.viewer.widgets.image_grid import ImageGrid
from genexplorer.viewer.widgets.images import montage, to_qimage
from genexplorer.viewer.widgets.labels import elided, heading, literal_tooltip
from genexplorer.viewer.widgets.painted import unscaled_painter, unscaled_size


class ProgressControls(QWidget):
    """The controls; the tab connects the buttons.

    Signals:
        kind_chosen(str): A kind of images was selected.
    """

    kind_chosen = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind_buttons: dict[str, QToolButton] = {}
        self._data_kind = "images"
        self._group = QButtonGroup(self)
        self._kind_row = fill_box(QHBoxLayout(), spacing=0)
        self.step, self.detail = heading(""), elided()
        self.first = tool_button("First", "Shows the first image while pressed (F)")
        self.newest = tool_button("Newest", "Shows the newest image while pressed (G)")
        self.animation = tool_button("Save animation…", "Save the training as GIF, WebP or MP4, in the background (M)")
        self.command = tool_button("Copy as command", "Copy the shell command that makes the animation (Ctrl+Shift+C)")
        self.detail.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        buttons = (self.first, self.newest, self.animation, self.command)
        fill_box(QHBoxLayout(self), Toolbar(self._kind_row), self.step, (self.detail, 1), Toolbar(*buttons))

    def show_kinds(self, kinds: list[str], selected: str, data_kind: str) -> None:
        """Show a button for each kind of images of "images" or "points"; none where there is only one."""
        self._data_kind = data_kind
        if list(self.kind_buttons) != kinds:
            clear_layout(self._kind_row)
            self.kind_buttons = {}
            for kind in kinds:
                button = tool_button(recorded_images.kind_title(kind), "", checkable=True)
                self.kind_buttons[kind] = button
                button.clicked.connect(lambda _=False, kind=kind: self.kind_chosen.emit(kind))
                self._group.addButton(button)
                self._kind_row.addWidget(button)
        for kind, button in self.kind_buttons.items():
            button.setChecked(kind == selected)
            button.setVisible(len(kinds) > 1)
            description = recorded_images.kind_description(kind, data_kind)
            button.setToolTip(literal_tooltip(f"{recorded_images.kind_title(kind)}: {description} (K: next)"))

    def show_step(self, kind: str, step: int | None, steps: list[int], *, is_held: bool) -> None:
        """Show the step of the displayed image, and its position among all recorded steps."""
        self.step.setText("" if step is None else f"step {step:,}")
        if step is None:
            self.detail.setText("")
            return
        position = "held" if is_held else f"{steps.index(step) + 1} of {len(steps)}"
        description = recorded_images.kind_description(kind, self._data_kind)
        self.detail.setText(f"{position}  ·  {description}")
        self.detail.setToolTip(description)

    def show_job(self, fraction: float | None) -> None:
        """Show how much of an animation is written, in [0, 1], or, for None, that one can be saved."""
        self.animation.setText("Save animation…" if fraction is None else f"Cancel  {fraction:.0%}")


THUMBNAIL_SIDE_PX = 8 * GAP  # logical pixels
NUM_THUMBNAILS = 8
_LABEL_HEIGHT_PX = 2 * GAP
_THUMBNAIL_GRID_SIDE = 3  # a thumbnail of samples shows so many rows and columns of them


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
        self.setFixedHeight(scaled(THUMBNAIL_SIDE_PX + _LABEL_HEIGHT_PX + 4))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("images through training")
        self.setToolTip("Images through training: click to go to a step")

    @property
    def steps(self) -> list[int]:
        """The steps of the thumbnails."""
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
        """Return the size of one row of thumbnails."""
        height = THUMBNAIL_SIDE_PX + _LABEL_HEIGHT_PX + 4
        return QSize(scaled(NUM_THUMBNAILS * (THUMBNAIL_SIDE_PX + GAP)), scaled(height))

    @property
    def marked(self) -> int | None:
        """The index of the marked image: the last one at or before the step."""
        if self._step is None:
            return None
        past = [index for index, step in enumerate(self.steps) if step <= self._step]
        return past[-1] if past else None

    def thumbnail_box(self, index: int) -> QRectF:
        """Return the rectangle of a thumbnail, in the units of `unscaled_painter`; the row fills the width."""
        count, (width, _) = max(1, len(self._frames)), unscaled_size(self)
        side = min(THUMBNAIL_SIDE_PX, (width - (count - 1) * GAP / 2) / count)
        gap = min(3.0 * GAP, (width - count * side) / max(1, count - 1))
        return QRectF(index * (side + gap), THUMBNAIL_SIDE_PX - side, side, side)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw thumbnails, steps and the mark."""
        painter = unscaled_painter(self)
        painter.setFont(text_font(8, exact=True))
        colors = self.palette()
        for index, (step, image) in enumerate(self._frames):
            box, is_marked = self.thumbnail_box(index), index == self.marked
            # The image, centered in its box.
            size = image.size().scaled(box.size().toSize(), Qt.AspectRatioMode.KeepAspectRatio)
            inside = QRectF(0, 0, size.width(), size.height())
            inside.moveCenter(box.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(inside, image)
            # The frame of the marked one, and the step.
            role = QPalette.ColorRole.Highlight if is_marked else QPalette.ColorRole.PlaceholderText
            color: QColor = colors.color(role)
            if is_marked:
                painter.setPen(make_pen(color, 2))
                painter.drawRect(inside.adjusted(1, 1, -1, -1))
            painter.setPen(colors.color(QPalette.ColorRole.Text) if is_marked else color)
            label = f"{step:,}" if step < 10_000 else formatting.count(step).replace(".0", "")
            below = QRectF(box.left() - GAP, THUMBNAIL_SIDE_PX + 2, box.width() + 2 * GAP, _LABEL_HEIGHT_PX)
            painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, label)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Select the step of the thumbnail that is pressed."""
        if event is None or event.button() != Qt.MouseButton.LeftButton:
            return
        for index, step in enumerate(self.steps):
            box = self.thumbnail_box(index)
            if box.left() <= event.position().x() / scale() <= box.right():
                self.step_chosen.emit(step)
                return


def thumbnail(grid: ImageGrid, kind: str) -> QImage:
    """Return the thumbnail of a recorded image: of samples the first nine, of other kinds the whole image."""
    if kind == "samples" and len(grid.images) >= _THUMBNAIL_GRID_SIDE * _THUMBNAIL_GRID_SIDE:
        columns = min(grid.columns, _THUMBNAIL_GRID_SIDE)
        rows = [row * grid.columns + column for row in range(_THUMBNAIL_GRID_SIDE) for column in range(columns)]
        first = grid.images[[index for index in rows if index < len(grid.images)]]
        return to_qimage(montage(first, columns))
    return to_qimage(montage(grid.images, grid.columns))
