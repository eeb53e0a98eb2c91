"""The plane with its toolbar: draws what decoder, encodings and details bring, and asks them for what is seen."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPoint, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QImage
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from genexplorer.session.formatting import count as short_count
from genexplorer.session.palette import Palette
from genexplorer.session.plane import Coords
from genexplorer.viewer.model_client import RequestGroup
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.manifold import outlines
from genexplorer.viewer.tabs.manifold.encodings import Encodings
from genexplorer.viewer.tabs.manifold.hover_card import HoverCard
from genexplorer.viewer.tabs.manifold.inspector_data import Details
from genexplorer.viewer.tabs.manifold.latent_plane import WHOLE, LatentPlane
from genexplorer.viewer.tabs.manifold.layers import Outline
from genexplorer.viewer.tabs.manifold.path import EMPTY
from genexplorer.viewer.tabs.manifold.plane_widget import Drag, PlanePanel
from genexplorer.viewer.tabs.manifold.point_animation import Glider
from genexplorer.viewer.tabs.manifold.selection import Selection
from genexplorer.viewer.tabs.manifold.tile_loader import TileDecoder
from genexplorer.viewer.tabs.manifold.tiles import TARGET, TileGrid, layout
from genexplorer.viewer.tabs.manifold.toolbar import Toolbar
from genexplorer.viewer.tabs.manifold.view_state import Remembered
from genexplorer.viewer.widgets.controls import timer

PEN_STEP_PX = 4  # logical; a pen's point nearer to the last one is left out
REST_MS = 120  # after the last move exact pictures are wanted, even if the button is still held
_VEIL = 0.45  # share of black over the tiles while points are shown


class PlaneStage(QWidget):
    """Everything left of the inspector and above the path strip.

    Signals:
        dragging(bool): A drag begins or ends.
        failed(str): The tiles could not be decoded, while older ones are still shown.
    """

    dragging = pyqtSignal(bool)
    failed = pyqtSignal(str)

    def __init__(
        self,
        requests: RequestGroup,
        selection: Selection,
        details: Details,
        palette: Palette,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.selection, self.details, self.palette_now = selection, details, palette
        self.decoder, self.encodings = TileDecoder(requests), Encodings(requests)
        self.toolbar, self.panel = Toolbar(), PlanePanel(palette)
        self.card = HoverCard(self.panel)
        self.glider = Glider(self._place_points, self)
        self.step: int | None = None
        self.plane: LatentPlane | None = WHOLE  # whose pictures are seen; None while it is not known
        self._rest = timer(self, REST_MS, self.ask, once=True)  # runs while something moves
        self._usual_target = TARGET
        self._waiting = ""
        self._shift = np.zeros(2)
        self.image_shape = (1, 28, 28)
        self._hovered = -1
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP // 2)
        column.addWidget(self.toolbar)
        column.addWidget(self.panel, 1)
        self._bind()
        self.restore(Remembered())

    @property
    def coords(self) -> Coords:
        """Return the plane's coordinates."""
        return self.panel.view.coords

    def clear(self) -> None:
        """Forget what belongs to a run."""
        self.step = None
        self.glider.stop()
        self.decoder.clear()
        self.encodings.clear()
        self._hovered = -1
        self.card.hide()

    def show_step(self, step: int, image_shape: tuple[int, int, int]) -> None:
        """Show another snapshot."""
        self.step, self.image_shape = step, image_shape
        self.panel.set_tiling((image_shape[1], image_shape[2]), self.target)
        self.ask()
        self._rest.start()  # another one that follows at once is a drag through time

    def show_plane(self, plane: LatentPlane | None, shift: NDArray[np.float64], waiting: str = "") -> None:
        """Show another plane through latent space.

        Args:
            plane: Whose pictures are seen, or None while it is not known.
            shift: How far it was moved along itself, (2,).
            waiting: What is said as long as it is not known.
        """
        if plane is not self.plane:
            self._rest.start()
        self.plane, self._shift, self._waiting = plane, shift, waiting
        self.panel.set_names(self.selection.plane.names)
        if plane is None:
            self.decoder.clear()
            self.encodings.clear()
            self._show_selection()
            self._show_tiles()
            return
        self._show_selection()
        if self.encodings.cloud is not None:
            self.glider.show_again(self.encodings.cloud)
        self.ask()

    def ask(self) -> None:
        """Ask for what is seen and not known."""
        if self.step is None or self.plane is None or not self.isVisible():
            return
        hasty = self._rest.isActive()
        self.decoder.show(self.panel.view, self.image_shape, self.step, self.target, self.plane, hasty=hasty)
        if self.shows_points or self.shows_ellipses:
            self.encodings.show(self.step, self.toolbar.count.currentData(), self.selection.plane)
        else:
            self.encodings.not_wanted()

    @property
    def shows_points(self) -> bool:
        """Whether the encodings are to be seen, and there are any."""
        return self.toolbar.points.isChecked() and self.toolbar.points.isEnabled()

    @property
    def shows_ellipses(self) -> bool:
        """Whether the ellipses are to be seen, and there are any."""
        return self.toolbar.ellipses.isChecked() and self.toolbar.ellipses.isEnabled()

    def _place_points(self, mu: NDArray[np.float64]) -> None:
        self.panel.place_points(mu - self._shift)

    @property
    def target(self) -> int:
        """Return the wanted number of tiles along the shorter side."""
        return int(self.toolbar.target.currentData())

    def prefer_target(self, target: int) -> None:
        """Take another usual number of tiles, unless the user chose one."""
        if self.target == self._usual_target != target:
            self.toolbar.target.setCurrentIndex(self.toolbar.target.findData(target))
        self._usual_target = target

    def seen_grid(self) -> TileGrid | None:
        """Return the cells that are seen, without those at the rim that are only kept ready."""
        return layout(self.panel.view, (self.image_shape[1], self.image_shape[2]), self.target)

    def seen_tiles(self) -> QImage:
        """Return the tiles that are seen as one picture, one pixel of an image as one pixel; null if there are none."""
        grid, mosaic = self.seen_grid(), self.decoder.mosaic
        if grid is None or mosaic is None or not mosaic.grid.same_lattice(grid):
            return self.panel.tiles.image().copy()
        _, height, width = mosaic.image_shape
        left, top = grid.first_column - mosaic.grid.first_column, mosaic.grid.last_row - grid.last_row
        return self.panel.tiles.image().copy(left * width, top * height, grid.columns * width, grid.rows * height)

    def set_palette_now(self, palette: Palette) -> None:
        """Take other colors."""
        self.palette_now = palette
        self.panel.set_style(palette)
        self._show_veil()
        self._show_legend()

    def remembered(self) -> Remembered:
        """Return the switches and the part of the plane."""
        return Remembered(
            coords=self.coords,
            bounds=None if self.panel.at_home else self.panel.view.bounds,
            target=self.target,
            points=self.toolbar.points.isChecked(),
            count=self.toolbar.count.currentData(),
            ellipses=self.toolbar.ellipses.isChecked(),
        )

    def restore(self, state: Remembered) -> None:
        """Take back switches and the part of the plane."""
        bar = self.toolbar
        bar.target.setCurrentIndex(max(0, bar.target.findData(state.target)))
        bar.count.setCurrentIndex(max(0, bar.count.findData(state.count)))
        bar.points.setChecked(state.points)
        bar.ellipses.setChecked(state.ellipses)
        self.set_coords(state.coords)
        if state.bounds is not None:
            self.panel.show_bounds(state.bounds)
        self._points_switched()

    def set_coords(self, coords: Coords) -> None:
        """Look at the plane in other coordinates."""
        self.toolbar.set_coords(coords)
        self.panel.set_coords(coords)
        self._show_selection()

    def _bind(self) -> None:
        bar, panel = self.toolbar, self.panel
        bar.coords_changed.connect(lambda name: self.set_coords("u" if name == "u" else "z"))
        bar.target_changed.connect(self._target_changed)
        bar.points_changed.connect(lambda _: self._points_switched())
        bar.ellipses_changed.connect(lambda _: self._points_switched())
        bar.count_changed.connect(lambda _: self.ask())
        bar.pen_changed.connect(self._pen_switched)
        bar.home_wanted.connect(panel.go_home)
        bar.class_toggled.connect(self.encodings.toggle)
        bar.class_alone.connect(self.encodings.only)
        panel.view_changed.connect(self._view_changed)
        panel.cursor_dragged.connect(lambda x, y: self.selection.move_in_plane((x, y)))
        panel.point_clicked.connect(self._point_clicked)
        panel.point_hovered.connect(self._point_hovered)
        panel.path_begun.connect(lambda: self.selection.set_path(EMPTY))
        panel.path_drawn.connect(self._path_drawn)
        panel.dragging.connect(self._dragged)
        self.decoder.subscribe(self._show_tiles)
        self.encodings.subscribe(self._show_cloud)
        self.details.subscribe(self._show_hover)
        self.selection.subscribe(self._show_selection)

    def settle(self) -> None:
        """Ask for exact pictures now: nothing moves any more."""
        self._rest.stop()
        self.ask()

    def _dragged(self, dragging: bool) -> None:
        self.dragging.emit(dragging)
        if not dragging:
            self.settle()

    def _target_changed(self, target: int) -> None:
        self.panel.set_tiling((self.image_shape[1], self.image_shape[2]), target)
        self.ask()

    def _view_changed(self) -> None:
        if self.encodings.cloud is not None:
            self.glider.show_again(self.encodings.cloud)
        self._show_outlines()
        self._rest.start()
        self.ask()

    def _show_tiles(self) -> None:
        self.panel.tiles.set_mosaic(self.decoder.mosaic)
        words = self.decoder.failure if self.decoder.mosaic is None else ""
        if self.decoder.failure and not words:
            self.failed.emit(self.decoder.failure)
        if self.decoder.mosaic is None and not words:
            words = "decoding…" if self.plane is not None else self._waiting
        self.panel.over.marks.message = words
        self.panel.over.update()

    def _points_switched(self) -> None:
        self.panel.end_hover()
        self.panel.points.setVisible(self.shows_points and self.encodings.cloud is not None)
        self._show_veil()
        self._show_legend()
        self._show_outlines()
        self.ask()

    def _show_veil(self) -> None:
        veil = QColor(0, 0, 0)
        points = self.shows_points and self.encodings.cloud is not None
        veil.setAlphaF(_VEIL if points else 0.0)
        self.panel.tiles.veil = veil
        self.panel.tiles.update()

    def _show_cloud(self) -> None:
        cloud = self.encodings.cloud
        self.panel.set_cloud(cloud)
        shown = self.shows_points and cloud is not None
        self.panel.points.setVisible(shown)
        if cloud is not None:
            self.glider.go(self.encodings.former, cloud, visible=shown and self.isVisible())
        self._show_veil()
        self._show_legend()
        self._show_outlines()

    def _show_legend(self) -> None:
        encodings, legend = self.encodings, self.toolbar.legend
        legend.setVisible(self.shows_points)
        cloud = encodings.cloud
        classes = () if cloud is None else cloud.classes
        hidden = frozenset[int]() if cloud is None else cloud.hidden
        legend.show_classes(classes, hidden, self.palette_now, self._said())

    def _said(self) -> str:
        encodings = self.encodings
        if encodings.failure:
            return f"no points: {encodings.failure}"
        if encodings.cloud is None:
            return "encoding the test set…"
        shown, all_points = int(encodings.cloud.shown.sum()), len(encodings.cloud.labels)
        of = "" if shown == all_points else f" of {short_count(all_points)}"
        return f"{shown:,}{of} test images"

    def _show_outlines(self) -> None:
        cloud, plane = self.encodings.cloud, self.panel.view.plane
        under: list[Outline] = []
        over: list[Outline] = []
        if cloud is not None and self.shows_ellipses:
            under = outlines.of_cloud(cloud, self._rows_of_ellipses(), plane)
            over = [replace(outline, name_only=True) for outline in under if outline.name]
        if cloud is not None and self.details.draws and 0 <= self._hovered < len(cloud.mu):
            over += outlines.of_point(cloud, self._hovered, plane)
        self.panel.under.marks.outlines, self.panel.over.marks.outlines = under, over
        self.panel.under.update()
        self.panel.over.update()

    def _rows_of_ellipses(self) -> NDArray[np.int64]:
        rows = self.panel.points.glyph_rows
        return rows if self.shows_points else rows[:0]

    def _pen_switched(self, on: bool) -> None:
        self.panel.pen_mode = on
        self.panel.setCursor(Qt.CursorShape.CrossCursor if on else Qt.CursorShape.ArrowCursor)

    def _path_drawn(self, z: NDArray[np.float64]) -> None:
        path, plane, selection = self.selection.path, self.panel.view.plane, self.selection
        if len(path.z):
            last = selection.seen(path.z[-1])[0]
            moved = (plane.from_z(z) - plane.from_z(last)) / np.asarray(self.panel.view.per_px)
            if np.hypot(*moved) < PEN_STEP_PX * self.panel.ratio:
                return
        selection.path = path.extended(selection.plane.lift(z)[0] + selection.offset)
        selection.notify()

    def _point_clicked(self, row: int) -> None:
        cloud = self.encodings.cloud
        if cloud is not None and row < len(cloud.indices):
            self.selection.move_in_plane(cloud.mu[row] - self._shift, picked=int(cloud.indices[row]))

    def _point_hovered(self, row: int, x: float, y: float) -> None:
        cloud = self.encodings.cloud
        known = cloud is not None and 0 <= row < len(cloud.indices)
        self._hovered = row if known else -1
        self.details.hover(int(cloud.indices[row]) if cloud is not None and known else None)
        if known:
            self.card.place_beside(QPoint(int(x), int(y)), self.panel.plot_rect())
        self._show_outlines()

    def _show_hover(self) -> None:
        cloud, marks = self.encodings.cloud, self.panel.over.marks
        if cloud is None or self._hovered < 0 or self.panel.drag is not Drag.NOTHING:
            self.card.hide()
            marks.hovered = marks.samples = None
            return
        label, index = int(cloud.labels[self._hovered]), int(cloud.indices[self._hovered])
        name = f"{label}   #{index}" if label >= 0 else f"#{index}"
        self.card.show_point(name, self.details.hovered, self.details.drawn, draws=self.details.draws)
        plane, drawn = self.panel.view.plane, self.details.drawn
        marks.hovered = plane.from_z(cloud.mu[self._hovered] - self._shift)
        marks.samples = None if drawn is None else plane.from_z(self.selection.seen(drawn.z))
        self.panel.over.update()

    def _show_selection(self) -> None:
        selection, marks, plane = self.selection, self.panel.over.marks, self.panel.view.plane
        had_more = bool(marks.pins) or marks.path is not None
        marks.pins = {name: plane.from_z(selection.seen(z)[0]) for name, z in selection.pins.items()}
        empty = selection.path.is_empty
        marks.path = None if empty else plane.from_z(selection.seen(selection.path.z))
        marks.walker = None if empty else plane.from_z(selection.seen(selection.path.at(selection.position))[0])
        self.panel.set_cursor(selection.place)
        if had_more or marks.pins or marks.path is not None:  # else the cursor alone says whether to draw again
            self.panel.over.update()
        if self.plane is None:
            marks.cursor = None  # it would stand on what is said instead
