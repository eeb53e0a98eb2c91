"""The title line and the sentence of the presentation, and the hint how to leave it."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6.QtWidgets import QHBoxLayout, QTabBar, QWidget

from genexplorer.session.preset_info import expected_failure, expected_result
from genexplorer.viewer import style
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.style import GAP
from genexplorer.viewer.widgets.controls import Toolbar, fill_box, timer
from genexplorer.viewer.widgets.labels import elided, heading, muted

if TYPE_CHECKING:
    from trainers.config import RunConfig

_HINT_DURATION_MS = 2000


class PresentationTitle(QWidget):
    """Run, family, data, step and tab at the left; at the right, for two seconds, how to leave.

    Args:
        context: The window's state.
        tab_bar: Its current tab is named.

    Attributes:
        sentence: What this preset shows, one line; the window places it at the bottom.
    """

    def __init__(self, context: ViewerContext, tab_bar: QTabBar) -> None:
        super().__init__()
        self._context, self._tab_bar = context, tab_bar
        self._is_presenting = False
        self.run, self.tab, self.hint = elided("", "plain"), heading(""), muted("F11 or Esc: leave the presentation")
        self.sentence = elided("")
        self.sentence.setContentsMargins(2 * GAP, 0, 2 * GAP, GAP)
        items = self.tab, (self.run, 1), self.hint
        fill_box(QHBoxLayout(self), *items, margins=(2 * GAP, GAP, 2 * GAP, GAP // 2), spacing=2 * GAP)
        self._hint_timer = timer(self, _HINT_DURATION_MS, self.hint.hide, once=True)
        tab_bar.currentChanged.connect(lambda _index: self.refresh())
        context.run_changed.connect(self.refresh)
        context.step_changed.connect(lambda _step: self.refresh())
        context.data_changed.connect(lambda changed: self.refresh() if "status" in changed else None)
        self.set_presenting(False)

    def set_presenting(self, presenting: bool) -> None:
        """Appear with the hint, or disappear."""
        self._is_presenting = presenting
        self.setVisible(presenting)
        self.hint.setVisible(presenting)
        if presenting:
            self._hint_timer.start()
        self.refresh()

    def refresh(self) -> None:
        """Show the run as it is now."""
        run, step = self._context.run, self._context.step
        self.tab.setText(self._tab_bar.tabText(self._tab_bar.currentIndex()))
        parts: list[str] = []
        if run is not None:
            data = "" if run.config is None else _data_name(run.config)
            at = "" if step is None else f"step {step:,}"
            parts = [run.status.name, run.status.preset or run.status.family, data, at]
        self.run.setText("  ·  ".join(part for part in parts if part))
        sentence = "" if run is None else expectation(run.config)
        self.sentence.setText(sentence)
        self.sentence.setToolTip(sentence)
        self.sentence.setVisible(self._is_presenting and bool(sentence))


def set_scale(window: QWidget, bars: tuple[QWidget, ...], *, presenting: bool) -> None:
    """Hide the bars and toolbars of a window and enlarge all else, or the reverse; colors are applied afterwards."""
    for widget in (*bars, *window.findChildren(Toolbar)):  # first: a window is never smaller than its content
        widget.setVisible(not presenting)
    former = style.scale()
    style.enlarge(style.PRESENTATION_SCALE if presenting else 1.0)
    style.rescale(window, style.scale() / former)


def _data_name(config: "RunConfig") -> str:
    """Return the name of the data set, or that of the folder it was read from."""
    folder = config.data.options.get("path")
    return Path(str(folder)).name if folder else config.data.name


def expectation(config: "RunConfig | None") -> str:
    """Return the expected result of the preset of a run, or the failure that it shows on purpose."""
    if failure := expected_failure(config):
        return f"To watch: {failure}"
    expected = "" if config is None else expected_result(config)  # none for other data than those of the preset
    without_setup = re.sub(r" [(][^()]*[)]", "", expected)  # for one line
    return f"Expected: {without_setup}" if expected else ""
