"""What is seen of long curves, read in detail while a person pans and zooms: one curve a turn of the event loop."""

from collections.abc import Callable, Iterable

from PyQt6.QtCore import QObject

from genexplorer.viewer.plots.chart_curve import Curve
from genexplorer.viewer.plots.chart_places import detail_window
from genexplorer.viewer.plots.chart_plot import ChartPlot
from genexplorer.viewer.widgets.controls import timer

REST_MS = 150  # after the last move lines are drawn smooth again
Window = tuple[float, float]


class Detail(QObject):
    """Keeps charts as fine as the part of them that is seen allows.

    Args:
        read: Returns a metric's curve within a window of x.
        parent: Ends it.
    """

    def __init__(self, read: Callable[[ChartPlot, str, Window], Curve], parent: QObject) -> None:
        super().__init__(parent)
        self._read = read
        self.window: Window | None = None  # what is drawn in detail, or will be
        self._plots: tuple[ChartPlot, ...] = ()
        self._moving: tuple[ChartPlot, ...] = ()
        self._coarse: list[tuple[ChartPlot, str]] = []  # curves that are not yet, with their charts
        self._next = timer(self, 0, self._refine, once=True)
        self._rest = timer(self, REST_MS, self._at_rest, once=True)

    @property
    def is_complete(self) -> bool:
        """Whether all is drawn as finely as it is wanted."""
        return not self._coarse

    def forget(self) -> None:
        """Begin anew, as after whole curves were drawn, or when charts go."""
        self.window, self._coarse, self._plots, self._moving = None, [], (), ()

    def show(self, plots: Iterable[ChartPlot], seen: Window, whole: Window) -> None:
        """Have the curves of charts read around what is seen of the whole; a pan goes on meanwhile."""
        window = detail_window(*seen, *whole)
        if window == self.window:
            return
        self.window, self._coarse, self._plots = window, [], tuple(plots)
        if window is None:
            for plot in self._plots:
                plot.restore()
        else:
            self._coarse = [(plot, metric) for plot in self._plots for metric in plot.chart.metrics]
            self._next.start()

    def moved(self, plots: Iterable[ChartPlot]) -> None:
        """Let charts be drawn in less time until nothing has moved for a moment."""
        self._moving = tuple(plots)
        for plot in self._moving:
            plot.set_moving(True)
        self._rest.start()

    def _at_rest(self) -> None:
        for plot in self._moving:
            plot.set_moving(False)

    def _refine(self) -> None:
        if self._coarse and self.window is not None:
            plot, metric = self._coarse.pop(0)
            plot.refine(self._read(plot, metric, self.window))
            self._next.start()
