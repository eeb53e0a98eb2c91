"""The style that all plots share: quiet axes, no menu and no buttons."""

import pyqtgraph as pg
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage

from genexplorer.session.palette import Palette
from genexplorer.viewer.plots.chart_axis import ChartAxis
from genexplorer.viewer.style import text_font


class BasePlot(pg.PlotWidget):  # type: ignore[misc]
    """A pyqtgraph plot in the viewer's colors and fonts; whoever shows it sets its range.

    Args:
        palette: The colors.
        left: The y axis.
        bottom: The x axis.
        names: Of the axes, x first; with their units.
        interactive: Whether the mouse pans and zooms.
    """

    def __init__(
        self, palette: Palette, left: ChartAxis, bottom: ChartAxis, names: tuple[str, str], *, interactive: bool
    ) -> None:
        # Without menus a plot is created in two thirds of the time.
        box = pg.ViewBox(enableMenu=False)
        super().__init__(viewBox=box, axisItems={"left": left, "bottom": bottom}, enableMenu=False)
        self.colors, self.left, self.bottom, self.names = palette, left, bottom, names
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFrameShape(pg.QtWidgets.QFrame.Shape.NoFrame)
        self.getPlotItem().hideButtons()
        box.disableAutoRange()
        box.setMouseEnabled(x=interactive, y=interactive)

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        self.colors = palette
        self.setBackground(palette.background)
        for axis in (self.left, self.bottom):
            axis.setPen(pg.mkPen(palette.faint))
            axis.setTextPen(pg.mkPen(palette.muted))
            axis.setTickFont(text_font(8))
        self._label_axes()

    def set_axis_names(self, names: tuple[str, str]) -> None:
        """Name the axes, x first."""
        if names != self.names:
            self.names = names
            self._label_axes()

    def image(self) -> QImage:
        """Return the plot as it is on the screen."""
        image: QImage = self.grab().toImage()
        return image

    def _label_axes(self) -> None:
        for axis, name in zip((self.bottom, self.left), self.names, strict=True):
            axis.setLabel(name, **{"color": self.colors.muted, "font-size": "9pt"})
