"""The column at the right of the stages: the selected one, its values, the likelihood, and the inverse."""

from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from genexplorer.session import formatting
from genexplorer.session.palette import Palette
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.flow.point_batch import PointBatch
from genexplorer.viewer.tabs.flow.stage_detail import StageDetail
from genexplorer.viewer.tabs.flow.stage_strip import plain, signed
from genexplorer.viewer.tabs.flow.trace import Trace
from genexplorer.viewer.widgets.controls import slider
from genexplorer.viewer.widgets.images import ImageView
from genexplorer.viewer.widgets.labels import heading, muted, rule, text, vertical_rule, wrapped

WIDTHS = 34 * GAP, 50 * GAP  # the narrowest and the widest
_PAIR_PX = 9 * GAP


class TraceInspector(QWidget):
    """Shows the selected stage."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(WIDTHS[0])
        self.detail = StageDetail(palette)
        self.detail.setMinimumHeight(16 * GAP)
        self.scrub = slider(0, 0, 0, "Stage (← →)")
        self.name = heading("")
        self.values: dict[str, QLabel] = {}
        self.inverse_title, self.inverse = heading("Inverse"), wrapped("")
        self.pair = (ImageView("x"), ImageView("reconstruction"))
        self._pair_row = QWidget()
        self._build()

    def fit_width(self, width: int) -> None:
        """Fix the width at three tenths of the tab's, within bounds."""
        self.setFixedWidth(min(max(WIDTHS[0], width * 3 // 10), WIDTHS[1]))

    def show_trace(self, trace: Trace | None, batch: PointBatch | None, stage: int, hint: str) -> None:
        """Show a stage of a trace, or why there is none."""
        self.detail.show_stage(trace, batch, stage, hint)
        self.scrub.blockSignals(True)
        self.scrub.setRange(0, 0 if trace is None else len(trace.stages) - 1)
        self.scrub.setValue(stage)
        self.scrub.blockSignals(False)
        self.scrub.setEnabled(trace is not None)
        if trace is None:
            self.name.setText("")
            for label in self.values.values():
                label.setText("—")
            return
        selected = trace.stages[stage]
        self.name.setText(f"{selected.label}   {stage + 1} of {len(trace.stages)}")
        ladj = "start" if selected.ladj is None else f"{signed(selected.ladj)} nats"
        values = {
            "log |det|": ladj,
            "cumulative": f"{signed(selected.cumulative)} nats",
            "mean": plain(selected.mean, 3),
            "standard deviation": plain(selected.std, 3),
            "sum of log |det|": f"{signed(trace.total)} nats",
            "log N(z; 0, I)": f"{signed(trace.log_base)} nats",
            "log p(x)": f"{signed(trace.log_prob)} nats",
        }
        for name, value in values.items():
            self.values[name].setText(value)
        sign = "+" if trace.direction == "forward" else "−"
        self.values["log p(x)"].setToolTip(f"log N(z; 0, I) {sign} the sum of log |det|")

    def show_inverse(self, trace: Trace | None, images: tuple[object, object] | None) -> None:
        """Show the error of the round trip and, for images, both ends of it."""
        self.inverse_title.setVisible(trace is not None)
        error = None if trace is None else trace.error
        self.inverse.setText("" if error is None else f"f⁻¹(f(x)) and x differ by at most {formatting.number(error)}.")
        self._pair_row.setVisible(images is not None)
        if images is not None:
            for view, image, caption in zip(self.pair, images, ("x", "f⁻¹(f(x))"), strict=True):
                view.set_image(image, caption)  # type: ignore[arg-type]

    def _build(self) -> None:
        column = QVBoxLayout()
        column.setContentsMargins(2 * GAP, 0, 0, 0)
        column.setSpacing(GAP // 2)
        column.addWidget(self.detail, 1)
        column.addWidget(self.scrub)
        column.addWidget(self.name)
        column.addLayout(self._grid(("log |det|", "cumulative", "mean", "standard deviation")))
        column.addWidget(rule())
        column.addLayout(self._grid(("log N(z; 0, I)", "sum of log |det|", "log p(x)")))
        column.addWidget(rule())
        pair = QHBoxLayout(self._pair_row)
        pair.setContentsMargins(0, 0, 0, 0)
        for view in self.pair:
            view.setFixedSize(14 * GAP, _PAIR_PX + 3 * GAP)
            pair.addWidget(view)
        column.addWidget(self.inverse_title)
        column.addWidget(self._pair_row)
        column.addWidget(self.inverse)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(vertical_rule())
        layout.addLayout(column, 1)

    def _grid(self, names: tuple[str, ...]) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(2 * GAP)
        grid.setVerticalSpacing(2)
        for row, name in enumerate(names):
            self.values[name] = text("—")
            grid.addWidget(muted(name), row, 0)
            grid.addWidget(self.values[name], row, 1)
        grid.setColumnStretch(1, 1)
        return grid
