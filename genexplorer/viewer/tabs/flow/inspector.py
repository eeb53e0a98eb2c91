"""The column at the right of the stations: one large, its figures, the sum of all, and the way back."""

from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from genexplorer.session import formatting
from genexplorer.session.palette import Palette
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.flow.point_batch import Swarm
from genexplorer.viewer.tabs.flow.stage_detail import LargeStage
from genexplorer.viewer.tabs.flow.stage_strip import plain, signed
from genexplorer.viewer.tabs.flow.trace import Way
from genexplorer.viewer.widgets.controls import slider
from genexplorer.viewer.widgets.images import PictureView
from genexplorer.viewer.widgets.labels import heading, muted, rule, text, upright_rule, wrapped

WIDTHS = 34 * GAP, 50 * GAP  # the narrowest and the widest
_PAIR_PX = 9 * GAP


class Inspector(QWidget):
    """Shows the station that is looked at."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(WIDTHS[0])
        self.large = LargeStage(palette)
        self.large.setMinimumHeight(16 * GAP)
        self.scrub = slider(0, 0, 0, "Walk through the stations (← →)")
        self.name = heading("")
        self.figures: dict[str, QLabel] = {}
        self.back_title, self.back = heading("And back"), wrapped("")
        self.pair = (PictureView("x"), PictureView("reconstruction"))
        self._pair_row = QWidget()
        self._build()

    def take_share(self, width: int) -> None:
        """Take three tenths of a tab's width, within bounds."""
        self.setFixedWidth(min(max(WIDTHS[0], width * 3 // 10), WIDTHS[1]))

    def show_way(self, way: Way | None, swarm: Swarm | None, station: int, hint: str) -> None:
        """Show a station of a way, or why there is none."""
        self.large.show_station(way, swarm, station, hint)
        self.scrub.blockSignals(True)
        self.scrub.setRange(0, 0 if way is None else len(way.stations) - 1)
        self.scrub.setValue(station)
        self.scrub.blockSignals(False)
        self.scrub.setEnabled(way is not None)
        if way is None:
            self.name.setText("")
            for label in self.figures.values():
                label.setText("—")
            return
        place = way.stations[station]
        self.name.setText(f"{place.label}   {station + 1} of {len(way.stations)}")
        ladj = "start" if place.ladj is None else f"{signed(place.ladj)} nats"
        values = {
            "log |det| here": ladj,
            "so far": f"{signed(place.so_far)} nats",
            "mean": plain(place.mean, 3),
            "standard deviation": plain(place.std, 3),
            "sum of log |det|": f"{signed(way.total)} nats",
            "log N(z; 0, I)": f"{signed(way.log_base)} nats",
            "log p(x)": f"{signed(way.log_prob)} nats",
        }
        for name, words in values.items():
            self.figures[name].setText(words)
        sign = "+" if way.direction == "forward" else "−"
        self.figures["log p(x)"].setToolTip(f"log N(z; 0, I) {sign} the sum of log |det|")

    def show_back(self, way: Way | None, images: tuple[object, object] | None) -> None:
        """Show the error of the round trip and, for images, where it began and where it ended."""
        self.back_title.setVisible(way is not None)
        words = "" if way is None or way.error is None else _error_words(way)
        self.back.setText(words)
        self._pair_row.setVisible(images is not None)
        if images is not None:
            for view, image, caption in zip(self.pair, images, ("x", "f⁻¹(f(x))"), strict=True):
                view.set_picture(image, caption)  # type: ignore[arg-type]

    def _build(self) -> None:
        column = QVBoxLayout()
        column.setContentsMargins(2 * GAP, 0, 0, 0)
        column.setSpacing(GAP // 2)
        column.addWidget(self.large, 1)
        column.addWidget(self.scrub)
        column.addWidget(self.name)
        column.addLayout(self._grid(("log |det| here", "so far", "mean", "standard deviation")))
        column.addWidget(rule())
        column.addLayout(self._grid(("log N(z; 0, I)", "sum of log |det|", "log p(x)")))
        column.addWidget(rule())
        pair = QHBoxLayout(self._pair_row)
        pair.setContentsMargins(0, 0, 0, 0)
        for view in self.pair:
            view.setFixedSize(14 * GAP, _PAIR_PX + 3 * GAP)
            pair.addWidget(view)
        column.addWidget(self.back_title)
        column.addWidget(self._pair_row)
        column.addWidget(self.back)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(upright_rule())
        layout.addLayout(column, 1)

    def _grid(self, names: tuple[str, ...]) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(2 * GAP)
        grid.setVerticalSpacing(2)
        for row, name in enumerate(names):
            self.figures[name] = text("—")
            grid.addWidget(muted(name), row, 0)
            grid.addWidget(self.figures[name], row, 1)
        grid.setColumnStretch(1, 1)
        return grid


def _error_words(way: Way) -> str:
    return f"f⁻¹(f(x)) and x differ by at most {formatting.number(way.error)}."
