"""The bar of tabs: those that cannot show this run are dimmed, with the reason in the tooltip, and still open."""

from PyQt6.QtWidgets import QStyle, QStyleOptionTab, QTabBar

from genexplorer.viewer.widgets.labels import literal_tooltip


class TabBar(QTabBar):
    """A bar whose dimmed tabs look disabled and are not: a click shows the reason and what to do instead."""

    def __init__(self) -> None:
        super().__init__()
        self._reasons: list[str] = []
        self.setDrawBase(False)
        self.setExpanding(False)
        self.setUsesScrollButtons(True)
        self.setFocusPolicy(self.focusPolicy().TabFocus)

    def add(self, title: str) -> None:
        """Add a tab; its number is its key."""
        self._reasons.append("")
        self.addTab(title)
        self.setTabToolTip(len(self._reasons) - 1, self._tooltip(len(self._reasons) - 1, ""))

    def dim(self, index: int, reason: str) -> None:
        """Dim a tab for a reason; an empty one restores it."""
        if self._reasons[index] != reason:
            self._reasons[index] = reason
            self.setTabToolTip(index, self._tooltip(index, reason))
            self.update()

    def is_dimmed(self, index: int) -> bool:
        """Whether a tab cannot show this run."""
        return bool(self._reasons[index])

    def initStyleOption(self, option: QStyleOptionTab | None, tabIndex: int) -> None:
        """Paint a dimmed tab as if it were disabled."""
        super().initStyleOption(option, tabIndex)
        if option is not None and 0 <= tabIndex < len(self._reasons) and self._reasons[tabIndex]:
            option.state &= ~QStyle.StateFlag.State_Enabled

    def _tooltip(self, index: int, reason: str) -> str:
        return literal_tooltip(f"{self.tabText(index)} (key {index + 1}){': ' if reason else ''}{reason}")
