"""The plane with its toolbar: draws tiles, encodings and details, and requests the visible ones."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError, ValidationInfo, ValidatorFunctionWrapHandler, field_validator
from PyQt6.QtCore import QPoint, pyqtSignal
from PyQt6.QtGui import QColor, QImage
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from genexplorer.session.class_scheme import ClassScheme
from genexplorer.session.formatting import count as short_count
from genexplorer.session.latent_path import EMPTY_PATH
from genexplorer.session.palette import Palette
from genexplorer.session.plane import Coords
from genexplorer.viewer.model_client import RequestGroup
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.manifold.inspector import HoverCard
from genexplorer.viewer.tabs.manifold.inspector_data import InspectorData
from genexplorer.viewer.tabs.manifold.latent_plane import LATENT_2D, LatentPlane
from genexplorer.viewer.tabs.manifold.layers import Outline, cloud_outlines, point_outlines
from genexplorer.viewer.tabs.manifold.manifold_plot import Drag, ManifoldPlot
from genexplorer.viewer.tabs.manifold.point_cloud import POINT_COUNTS, PointCloudLoader
from genexplorer.viewer.tabs.manifold.selection import Selection
from genexplorer.viewer.tabs.manifold.tile_loader import TileLoader
from genexplorer.viewer.tabs.manifold.tiles import DEFAULT_TILES, TileGrid, layout
from genexplorer.viewer.tabs.manifold.toolbar import ManifoldToolbar
from genexplorer.viewer.tabs.manifold.visible_range import Bounds, is_valid_range
from genexplorer.viewer.widgets.animation import PointAnimation
from genexplorer.viewer.widgets.controls import fill_box, timer

MIN_PEN_STEP_PX = 4  # in logical pixels; a pen's point nearer to the last one is left out
EXACT_DELAY_MS = 120  # exact images are requested so long after the last move, even while a button is pressed
_VEIL_OPACITY = 0.45  # of the black veil that dims the tiles while points are shown


class ManifoldViewState(BaseModel):
    """The state that is stored until the viewer's next start; an invalid value is replaced by its default."""

    coords: Coords = "z"
    bounds: Bounds | None = None  # None: the default view
    target: Annotated[int, Field(ge=4, le=60)] = DEFAULT_TILES
    points: bool = True
    count: int = POINT_COUNTS[1]
    ellipses: bool = False

    @field_validator("*", mode="wrap")
    @classmethod
    def _default_if_invalid(cls, value: Any, validate: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        default = cls.model_fields[str(info.field_name)].default
        try:
            valid = validate(value)
        except ValidationError:
            return default
        if info.field_name == "count":
            return valid if valid in POINT_COUNTS else default
        return valid if info.field_name != "bounds" or is_valid_range(valid) else default


class ManifoldView(QWidget):
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
        data: InspectorData,
        palette: Palette,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.selection, self.data, self.colors = selection, data, palette
        self.tile_loader, self.encodings = TileLoader(requests), PointCloudLoader(requests)
        self.toolbar, self.plot = ManifoldToolbar(), ManifoldPlot(palette)
        self.card = HoverCard(self.plot)
        self.point_animation = PointAnimation(self._place_points, self)
        self.step: int | None = None
        self.plane: LatentPlane | None = LATENT_2D  # the displayed plane; None while it is unknown
        self._idle_timer = timer(self, EXACT_DELAY_MS, self.request_visible, once=True)  # runs while something moves
        self._default_tiles = DEFAULT_TILES
        self._waiting_message = ""
        self._shift = np.zeros(2)
        self.image_shape = (1, 28, 28)
        self._hovered = -1
        fill_box(QVBoxLayout(self), self.toolbar, (self.plot, 1), spacing=GAP // 2)
        # Connect the toolbar.
        bar, plot = self.toolbar, self.plot
        bar.coords["z"].clicked.connect(lambda: self.set_coords("z"))
        bar.coords["u"].clicked.connect(lambda: self.set_coords("u"))
        bar.target.activated.connect(lambda _: self._target_changed())
        bar.count.activated.connect(lambda _: self.request_visible())
        for switch in (bar.points, bar.ellipses):
            switch.toggled.connect(lambda _: self._points_switched())
        bar.pen.toggled.connect(plot.set_pen_mode)
        bar.home.clicked.connect(lambda: plot.reset_view())
        bar.legend.toggled.connect(self.encodings.toggle)
        bar.legend.alone.connect(self.encodings.only)
        # Connect the plot.
        plot.view_changed.connect(self._view_changed)
        plot.cursor_dragged.connect(lambda x, y: self.selection.move_in_plane((x, y)))
        plot.point_clicked.connect(self._point_clicked)
        plot.point_hovered.connect(self._point_hovered)
        plot.path_begun.connect(lambda: self.selection.set_path(EMPTY_PATH))
        plot.path_drawn.connect(self._path_drawn)
        plot.dragging.connect(self.set_dragging)
        # Connect the state.
        self.tile_loader.subscribe(self._show_tiles)
        self.encodings.subscribe(self._show_cloud)
        self.data.subscribe(self._show_hover)
        self.selection.subscribe(self._show_selection)
        self.restore({})

    @property
    def scheme(self) -> ClassScheme:
        """Names and colors of the classes."""
        return self.plot.points.scheme

    @scheme.setter
    def scheme(self, scheme: ClassScheme) -> None:
        self.plot.points.scheme = scheme

    @property
    def coords(self) -> Coords:
        """The plane's coordinates."""
        return self.plot.visible_range.coords

    def clear(self) -> None:
        """Discard the state of a run."""
        self.step = None
        self.point_animation.move_to(np.zeros((0, 2)), animate=False)
        self.tile_loader.clear()
        self.encodings.clear()
        self._hovered = -1
        self.card.hide()

    def show_step(self, step: int, image_shape: tuple[int, int, int]) -> None:
        """Show another snapshot."""
        self.step, self.image_shape = step, image_shape
        self._target_changed()
        self._idle_timer.start()  # another one that follows at once is a drag through time

    def show_plane(self, plane: LatentPlane | None, shift: NDArray[np.float64], waiting: str = "") -> None:
        """Show another plane through latent space.

        Args:
            plane: The displayed plane, or None while it is unknown.
            shift: Offset of the plane within itself, (2,).
            waiting: Message to show while the plane is unknown.
        """
        if plane is not self.plane:
            self._idle_timer.start()
        self.plane, self._shift, self._waiting_message = plane, shift, waiting
        self.plot.set_axis_names(self.selection.plane.names)
        if plane is None:
            self.tile_loader.clear()
            self.encodings.clear()
            self._show_selection()
            self._show_tiles()
            return
        self._show_selection()
        self._place_visible_points()
        self.request_visible()

    def request_visible(self) -> None:
        """Request the visible tiles and points that are missing."""
        if self.step is None or self.plane is None or not self.isVisible():
            return
        moving = self._idle_timer.isActive()
        self.tile_loader.show(
            self.plot.visible_range, self.image_shape, self.step, self.target, self.plane, moving=moving
        )
        if self.shows_points or self.shows_ellipses:
            self.encodings.show(self.step, self.toolbar.count.currentData(), self.selection.plane)
        else:
            self.encodings.pause()

    @property
    def shows_points(self) -> bool:
        """Whether the encodings are switched on and available."""
        return self.toolbar.points.isChecked() and self.toolbar.points.isEnabled()

    @property
    def shows_ellipses(self) -> bool:
        """Whether the ellipses are switched on and available."""
        return self.toolbar.ellipses.isChecked() and self.toolbar.ellipses.isEnabled()

    def _place_points(self, mu: NDArray[np.float64]) -> None:
        self.plot.place_points(mu - self._shift)

    def _place_visible_points(self) -> None:
        if self.encodings.cloud is not None:
            self._place_points(self.point_animation.points)

    @property
    def target(self) -> int:
        """The number of tiles along the shorter side."""
        return int(self.toolbar.target.currentData())

    def set_default_tiles(self, target: int) -> None:
        """Set the default number of tiles, which applies unless the user has chosen another."""
        if self.target == self._default_tiles != target:
            self.toolbar.target.setCurrentIndex(self.toolbar.target.findData(target))
        self._default_tiles = target

    def visible_grid(self) -> TileGrid | None:
        """Return the visible cells, without the margin that is decoded in advance."""
        return layout(self.plot.visible_range, (self.image_shape[1], self.image_shape[2]), self.target)

    def visible_tiles(self) -> QImage:
        """Return the visible tiles as one image at its own resolution; null if there are none."""
        grid, mosaic = self.visible_grid(), self.tile_loader.mosaic
        if grid is None or mosaic is None or not mosaic.grid.same_lattice(grid):
            return self.plot.tiles.image().copy()
        _, height, width = mosaic.image_shape
        left, top = grid.first_column - mosaic.grid.first_column, mosaic.grid.last_row - grid.last_row
        return self.plot.tiles.image().copy(left * width, top * height, grid.columns * width, grid.rows * height)

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        self.colors = palette
        self.plot.recolor(palette)
        self._show_legend()

    def state(self) -> dict[str, Any]:
        """Return the switches and the visible part of the plane as JSON values."""
        state = ManifoldViewState(
            coords=self.coords,
            bounds=None if self.plot.is_at_home else self.plot.visible_range.bounds,
            target=DEFAULT_TILES if self.target == self._default_tiles else self.target,
            points=self.toolbar.points.isChecked(),
            count=self.toolbar.count.currentData(),
            ellipses=self.toolbar.ellipses.isChecked(),
        )
        return state.model_dump(mode="json")

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the result of `state`; invalid values are replaced by the defaults."""
        restored, bar = ManifoldViewState.model_validate(state), self.toolbar
        bar.target.setCurrentIndex(max(0, bar.target.findData(restored.target)))
        bar.count.setCurrentIndex(max(0, bar.count.findData(restored.count)))
        bar.points.setChecked(restored.points)
        bar.ellipses.setChecked(restored.ellipses)
        self.set_coords(restored.coords)
        if restored.bounds is not None:
            self.plot.show_bounds(restored.bounds)
        self._points_switched()

    def set_coords(self, coords: Coords) -> None:
        """Show the plane in other coordinates."""
        self.toolbar.coords[coords].setChecked(True)
        self.plot.set_coords(coords)
        self._show_selection()

    def set_dragging(self, dragging: bool) -> None:
        """Report a drag of the plot or of a slider; at its end, request exact images."""
        self.dragging.emit(dragging)
        if not dragging:
            self._idle_timer.stop()
            self.request_visible()

    def _target_changed(self) -> None:
        self.plot.set_tiling((self.image_shape[1], self.image_shape[2]), self.target)
        self.request_visible()

    def _view_changed(self) -> None:
        self._place_visible_points()
        self._show_outlines()
        self._idle_timer.start()
        self.request_visible()

    def _show_tiles(self) -> None:
        loader, message = self.tile_loader, ""
        self.plot.tiles.set_mosaic(loader.mosaic)
        if loader.mosaic is None:
            message = loader.failure or ("decoding…" if self.plane is not None else self._waiting_message)
        elif loader.failure:
            self.failed.emit(loader.failure)
        self.plot.over.marks.message = message
        self.plot.over.update()

    def _points_switched(self) -> None:
        self.plot.end_hover()
        self._show_point_state()
        self.request_visible()

    def _show_cloud(self) -> None:
        cloud = self.encodings.cloud
        self.plot.set_cloud(cloud)
        if cloud is not None:
            animate = self.shows_points and self.isVisible() and cloud.moves_from(self.encodings.former)
            self.point_animation.move_to(cloud.mu, animate=animate)
        self._show_point_state()

    def _show_point_state(self) -> None:
        """Show or hide the points with all that belongs to them."""
        visible = self.shows_points and self.encodings.cloud is not None
        self.plot.points.setVisible(visible)
        veil = QColor(0, 0, 0)
        veil.setAlphaF(_VEIL_OPACITY if visible else 0.0)
        self.plot.tiles.veil = veil
        self.plot.tiles.update()
        self._show_legend()
        self._show_outlines()

    def _show_legend(self) -> None:
        encodings, legend = self.encodings, self.toolbar.legend
        legend.setVisible(self.shows_points)
        cloud = encodings.cloud
        if encodings.failure:
            summary = f"no points: {encodings.failure}"
        elif cloud is None:
            summary = "encoding the test set…"
        else:
            visible, total = int(cloud.visible.sum()), len(cloud.labels)
            summary = f"{visible:,}{'' if visible == total else f' of {short_count(total)}'} test images"
        classes = () if cloud is None else cloud.classes
        hidden = frozenset[int]() if cloud is None else cloud.hidden
        legend.show_classes(classes, self.scheme.with_labels(classes), hidden, self.colors, summary)

    def _show_outlines(self) -> None:
        cloud, plane = self.encodings.cloud, self.plot.visible_range.plane
        under: list[Outline] = []
        over: list[Outline] = []
        if cloud is not None and self.shows_ellipses:
            rows = self.plot.points.glyph_rows
            under = cloud_outlines(cloud, rows if self.shows_points else rows[:0], plane)
            over = [replace(outline, name_only=True) for outline in under if outline.name]
        if cloud is not None and self.data.samples_posterior and 0 <= self._hovered < len(cloud.mu):
            over += point_outlines(cloud, self._hovered, plane)
        self.plot.under.marks.outlines, self.plot.over.marks.outlines = under, over
        self.plot.under.update()
        self.plot.over.update()

    def _path_drawn(self, z: NDArray[np.float64]) -> None:
        path, plane, selection = self.selection.path, self.plot.visible_range.plane, self.selection
        if len(path.z):
            last = selection.project(path.z[-1])[0]
            delta = (plane.from_z(z) - plane.from_z(last)) / np.asarray(self.plot.visible_range.per_px)
            if np.hypot(*delta) < MIN_PEN_STEP_PX * self.plot.ratio:
                return
        selection.path = path.extended(selection.plane.unproject(z)[0] + selection.offset)
        selection.notify()

    def _point_clicked(self, row: int) -> None:
        cloud = self.encodings.cloud
        if cloud is not None and row < len(cloud.indices):
            self.selection.move_in_plane(cloud.mu[row] - self._shift, picked=int(cloud.indices[row]))

    def _point_hovered(self, row: int, x: float, y: float) -> None:
        cloud = self.encodings.cloud
        is_point = cloud is not None and 0 <= row < len(cloud.indices)
        self._hovered = row if is_point else -1
        self.data.hover(int(cloud.indices[row]) if cloud is not None and is_point else None)
        if is_point:
            self.card.place_beside(QPoint(int(x), int(y)), self.plot.plot_rect())
        self._show_outlines()

    def _show_hover(self) -> None:
        cloud, marks = self.encodings.cloud, self.plot.over.marks
        if cloud is None or self._hovered < 0 or self.plot.drag is not Drag.NOTHING:
            self.card.hide()
            marks.hovered = marks.samples = None
            return
        # Show the card.
        label, index = int(cloud.labels[self._hovered]), int(cloud.indices[self._hovered])
        name = f"{self.scheme.name(label)}   #{index}" if label >= 0 else f"#{index}"
        self.card.show_point(
            name, self.data.hovered, self.data.posterior, samples_posterior=self.data.samples_posterior
        )
        # Mark the point and the samples of its posterior.
        plane, posterior = self.plot.visible_range.plane, self.data.posterior
        marks.hovered = plane.from_z(cloud.mu[self._hovered] - self._shift)
        marks.samples = None if posterior is None else plane.from_z(self.selection.project(posterior.z))
        self.plot.over.update()

    def _show_selection(self) -> None:
        selection, marks, plane = self.selection, self.plot.over.marks, self.plot.visible_range.plane
        had_more = bool(marks.pins) or marks.path is not None
        marks.pins = {name: plane.from_z(selection.project(z)[0]) for name, z in selection.pins.items()}
        empty = selection.path.is_empty
        marks.path = None if empty else plane.from_z(selection.project(selection.path.z))
        marks.path_cursor = None if empty else plane.from_z(selection.project(selection.path.at(selection.position))[0])
        self.plot.set_cursor(selection.place)
        if had_more or marks.pins or marks.path is not None:  # else `set_cursor` decides whether to repaint
            self.plot.over.update()
        if self.plane is None:
            marks.cursor = None  # it would cover the message
