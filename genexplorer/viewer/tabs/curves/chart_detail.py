"""Reads the visible part of long curves in detail while the user pans and zooms, one curve per event-loop turn."""

from collections.abc import Callable, Iterable

from PyQt6.QtCore import QObject

from genexplorer.viewer.plots.chart_curve import Curve
from genexplorer.viewer.plots.chart_layout import detail_window
from genexplorer.viewer.plots.chart_plot import ChartPlot
from genexplorer.viewer.widgets.controls import timer

REST_MS = 150  # after the last move, lines are antialiased again
Window = tuple[float, float]


class ChartDetail(QObject):
    """Keeps charts as detailed as their visible part needs.

    Args:
        read: Returns a metric's curve within a window of x.
        parent: The Qt owner.
    """

    def __init__(self, read: Callable[[ChartPlot, str, Window], Curve], parent: QObject) -> None:
        super().__init__(parent)
        self._read = read
        self.window: Window | None = None  # the part drawn in detail, or about to be
        self._plots: tuple[ChartPlot, ...] = ()
        self._fast_plots: tuple[ChartPlot, ...] = ()
        self._pending: list[tuple[ChartPlot, str]] = []  # curves still to be read, with their charts
        self._next_timer = timer(self, 0, self._refine, once=True)
        self._rest_timer = timer(self, REST_MS, self._on_rest, once=True)

    @property
    def is_complete(self) -> bool:
        """Whether all curves are drawn in detail."""
        return not self._pending

    def clear(self) -> None:
        """Discard the state, as after the curves have changed."""
        self.window, self._pending, self._plots, self._fast_plots = None, [], (), ()

    def show(self, plots: Iterable[ChartPlot], visible: Window, full: Window) -> None:
        """Read the curves of charts around the visible part of the full range, without blocking a pan."""
        window = detail_window(*visible, *full)
        if window == self.window:
            return
        self.window, self._pending, self._plots = window, [], tuple(plots)
        if window is None:
            for plot in self._plots:
                plot.restore()
        else:
            self._pending = [(plot, metric) for plot in self._plots for metric in plot.chart.metrics]
            self._next_timer.start()

    def set_moving(self, plots: Iterable[ChartPlot]) -> None:
        """Draw charts fast until nothing has moved for a moment."""
        self._fast_plots = tuple(plots)
        for plot in self._fast_plots:
            plot.set_fast(True)
        self._rest_timer.start()

    def _on_rest(self) -> None:
        for plot in self._fast_plots:
            plot.set_fast(False)

    def _refine(self) -> None:
        if self._pending and self.window is not None:
            plot, metric = self._pending.pop(0)
            plot.show_detail(self._read(plot, metric, self.window))
            self._next_timer.start()
