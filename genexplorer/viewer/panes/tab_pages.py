"""The tab bar and the pages: each page shows a tab or, while it is empty, the reason."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from PyQt6.QtWidgets import QStackedWidget, QStyle, QStyleOptionTab, QTabBar, QVBoxLayout, QWidget

from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.error_handler import shielded
from genexplorer.viewer.tabs import tab_types
from genexplorer.viewer.tabs.tab import Tab
from genexplorer.viewer.widgets.controls import EmptyState
from genexplorer.viewer.widgets.labels import literal_tooltip

_NUMBER_KEYS = 9


class TabBar(QTabBar):
    """A bar whose tabs can be dimmed with a reason. A dimmed tab still opens: its page says what to do."""

    def __init__(self) -> None:
        super().__init__()
        self._reasons: list[str] = []
        self.setDrawBase(False)
        self.setExpanding(False)
        self.setUsesScrollButtons(True)
        self.setFocusPolicy(self.focusPolicy().TabFocus)

    def add(self, title: str) -> None:
        """Add a tab; the number of each of the first nine is its key."""
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
        key = f" (key {index + 1})" if index < _NUMBER_KEYS else ""
        return literal_tooltip(f"{self.tabText(index)}{key}{': ' if reason else ''}{reason}")


class TabPages(QWidget):
    """The pages of the tab bar.

    A run that the selected tab cannot show opens with the first tab that can; the selection stays for other runs. The
    tabs are made when first used, so that the window opens sooner.
    """

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.bar = TabBar()
        self._specs = tab_types.TABS
        self._tabs: list[Tab] = []
        self._states: Mapping[str, Any] = {}  # restored once the tabs are made
        self._hints: list[EmptyState] = []
        self._pages = QStackedWidget()
        self._selected = 0  # by the user
        self._selects_tab = False  # a run was opened; its first snapshot decides which tabs can show it
        self._is_switching = False
        for spec in self._specs:
            self.bar.add(spec.title)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pages)
        self.bar.currentChanged.connect(self._on_current)
        context.run_changed.connect(self._on_run)
        context.changes.connect(self._on_changes)
        context.time_changed.connect(self._on_time)

    @property
    def tabs(self) -> list[Tab]:
        """The tabs in their order, made now if need be."""
        self.make()
        return self._tabs

    def make(self) -> None:
        """Make the tabs, restore their states, and activate the one in front."""
        if self._tabs:
            return
        for spec in self._specs:
            tab, hint, page = spec.load()(self._context), EmptyState(), QStackedWidget()
            page.addWidget(tab)
            page.addWidget(hint)
            self._pages.addWidget(page)
            self._tabs.append(tab)
            self._hints.append(hint)
        for tab in self._tabs:
            state = self._states.get(tab.title)
            if isinstance(state, dict):
                shielded(partial(tab.restore, state))
        self._on_current(self.bar.currentIndex())

    def restore(self, states: Mapping[str, Any], title: str) -> None:
        """Restore what `states` returned and the tab in front, before the tabs are made."""
        self._states = states
        self.show_tab(self.index_of(title))

    def states(self) -> Mapping[str, Any]:
        """Return the states that the tabs store until the next start."""
        return {tab.title: shielded(tab.state) or {} for tab in self._tabs} if self._tabs else self._states

    def closing(self) -> None:
        """Close the tabs."""
        for tab in self._tabs:
            shielded(tab.closing)

    @property
    def current(self) -> Tab:
        """The tab in front."""
        return self.tabs[max(0, self.bar.currentIndex())]

    @property
    def selected(self) -> Tab:
        """The tab that the user selected last; another one may be in front."""
        return self.tabs[self._selected]

    @property
    def selected_title(self) -> str:
        """The title of the tab that the user selected last."""
        return self._specs[self._selected].title

    @property
    def queries_model(self) -> bool:
        """Whether the selected tab queries the model at once."""
        return self._specs[self._selected].queries_model

    def index_of(self, title: str) -> int:
        """Return a tab's index by its title; 0 for an unknown one."""
        titles = [spec.title for spec in self._specs]
        return titles.index(title) if title in titles else 0

    def show_tab(self, index: int) -> None:
        """Bring a tab to the front."""
        if 0 <= index < len(self._specs):
            self.bar.setCurrentIndex(index)

    def _on_current(self, index: int) -> None:
        if not self._is_switching:
            self._selected, self._selects_tab = index, False
        if not self._tabs:
            return  # `make` calls this again
        for position, tab in enumerate(self.tabs):
            if tab.is_active and position != index:
                tab.is_active = False
                shielded(tab.deactivated)
        self._pages.setCurrentIndex(index)
        tab = self.tabs[index]
        if not tab.is_active:
            tab.is_active = True
            shielded(tab.activated)
        self._show_reasons()

    def _on_run(self) -> None:
        for tab in self.tabs:
            shielded(partial(tab.set_run, self._context.run))
        self._selects_tab = self._context.run is not None
        self._show_reasons()

    def _on_changes(self, changed: frozenset[str]) -> None:
        for tab in self._tabs:
            shielded(partial(tab.on_changes, changed))
        self._show_reasons()

    def _on_time(self, step: int) -> None:
        for tab in self._tabs:
            shielded(partial(tab.on_time, None if step < 0 else step))
        self._select_tab()
        self._show_reasons()

    def _select_tab(self) -> None:
        """Bring a tab to the front that can show the run, once its first snapshot's card is known."""
        if not self._selects_tab or self._context.step is None:
            return
        self._selects_tab, self._is_switching = False, True
        available = [position for position, tab in enumerate(self.tabs) if shielded(tab.waiting_reason) is None]
        if available:
            self.bar.setCurrentIndex(self._selected if self._selected in available else available[0])
        self._is_switching = False

    def _show_reasons(self) -> None:
        for position, (tab, hint) in enumerate(zip(self._tabs, self._hints, strict=True)):
            page = self._pages.widget(position)
            assert isinstance(page, QStackedWidget)
            reason = shielded(tab.waiting_reason)
            page.setCurrentIndex(1 if reason else 0)
            self.bar.dim(position, (reason or "").partition("\n")[0] if self._context.run is not None else "")
            if reason:
                title, _, help_text = reason.partition("\n")
                hint.set_text(title, help_text)
