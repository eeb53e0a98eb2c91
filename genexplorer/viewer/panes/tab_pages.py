"""The tab bar and the pages: each page shows a tab or, while it is empty, the reason."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from PyQt6.QtWidgets import QSizePolicy, QStackedWidget, QStyle, QStyleOptionTab, QTabBar, QVBoxLayout, QWidget

from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.error_handler import shielded
from genexplorer.viewer.tabs import tab_types
from genexplorer.viewer.tabs.tab import Tab
from genexplorer.viewer.widgets.controls import EmptyState, fill_box, timer
from genexplorer.viewer.widgets.labels import literal_tooltip

_NUM_NUMBER_KEYS = 9
_MAKE_INTERVAL_MS = 20  # between making two tabs, so that the window paints and responds meanwhile


class TabBar(QTabBar):
    """A bar whose tabs can be dimmed with a reason. A dimmed tab still opens: its page shows the reason."""

    def __init__(self) -> None:
        super().__init__()
        self._reasons: list[str | None] = []  # None while there is no tooltip yet
        self.setDrawBase(False)
        self.setExpanding(False)
        self.setUsesScrollButtons(True)
        self.setFocusPolicy(self.focusPolicy().TabFocus)

    def add(self, title: str) -> None:
        """Add a tab; the number of each of the first nine is its key."""
        self._reasons.append(None)
        self.dim(self.addTab(title), "")

    def dim(self, index: int, reason: str) -> None:
        """Dim a tab for a reason; an empty one restores it."""
        if self._reasons[index] != reason:
            self._reasons[index] = reason
            key = f" (key {index + 1})" if index < _NUM_NUMBER_KEYS else ""
            tooltip = f"{self.tabText(index)}{key}{': ' if reason else ''}{reason}"
            self.setTabToolTip(index, literal_tooltip(tooltip))
            self.update()

    def is_dimmed(self, index: int) -> bool:
        """Return True for a tab that cannot show this run."""
        return bool(self._reasons[index])

    def initStyleOption(self, option: QStyleOptionTab | None, tabIndex: int) -> None:
        """Paint a dimmed tab as if it were disabled."""
        super().initStyleOption(option, tabIndex)
        if option is not None and 0 <= tabIndex < len(self._reasons) and self._reasons[tabIndex]:
            option.state &= ~QStyle.StateFlag.State_Enabled


class TabPages(QWidget):
    """The pages of the tab bar.

    A run that the selected tab cannot show opens with the first tab that can; the selection stays for other runs. Only
    the tab in front is made at first, so that a run opens sooner; the others follow one by one while it is in use.
    """

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.bar = TabBar()
        self._specs = tab_types.TABS
        self._tabs: dict[int, Tab] = {}  # the tabs made so far, by index; a signal handler may add one
        self._hints: dict[int, EmptyState] = {}
        self._states: Mapping[str, Any] = {}  # by title; restored when a tab is made
        self._pages = QStackedWidget()
        self._selected = 0  # index of the tab that the user selected
        self._selects_tab = False  # a run was opened; its first snapshot decides which tabs can show it
        self._is_switching = False
        self._is_started = False
        for spec in self._specs:
            self.bar.add(spec.title)
            self._pages.addWidget(QStackedWidget())
        self._remaining = iter(range(len(self._specs)))
        self._make_timer = timer(self, _MAKE_INTERVAL_MS, self._make_next)
        fill_box(QVBoxLayout(self), self._pages)
        self.bar.currentChanged.connect(self._on_current)
        context.run_changed.connect(self._on_run)
        context.data_changed.connect(self._on_changes)
        context.step_changed.connect(self._on_time)

    @property
    def tabs(self) -> list[Tab]:
        """The tabs in their order, made now if need be."""
        return [self._tab(index) for index in range(len(self._specs))]

    def start(self) -> None:
        """Make and activate the tab in front; make the others soon."""
        if not self._is_started:
            self._is_started = True
            self._on_current(self.bar.currentIndex())
            self._make_timer.start()

    def _make_next(self) -> None:
        """Make one more tab; each is tried once, or a tab that fails would fail again and again."""
        index = next(self._remaining, None)
        if index is None:
            self._make_timer.stop()
        else:
            self._tab(index)

    def _tab(self, index: int) -> Tab:
        """Return a tab; at its first use, make it, restore its state, and show it the open run."""
        if index in self._tabs:
            return self._tabs[index]
        tab, hint, page = self._specs[index].load()(self._context), EmptyState(), self._page(index)
        page.addWidget(tab)
        page.addWidget(hint)
        self._tabs[index], self._hints[index] = tab, hint
        state = self._states.get(tab.title)
        if isinstance(state, dict):
            shielded(partial(tab.restore, state))
        if self._context.run is not None:
            shielded(partial(tab.set_run, self._context.run))
            shielded(partial(tab.on_time, self._context.step))
        self._show_reason(index)
        return tab

    def _page(self, index: int) -> QStackedWidget:
        page = self._pages.widget(index)
        assert isinstance(page, QStackedWidget)
        return page

    def restore(self, states: Mapping[str, Any], title: str) -> None:
        """Restore the result of `states` and the tab in front, before the tabs are made."""
        self._states = states
        self.show_tab(self.index_of(title))

    def states(self) -> Mapping[str, Any]:
        """Return the states that the tabs store until the next start."""
        return {**self._states, **{tab.title: shielded(tab.state) or {} for tab in self._tabs.values()}}

    def closing(self) -> None:
        """Close the tabs."""
        self._make_timer.stop()
        for tab in list(self._tabs.values()):
            shielded(tab.closing)

    @property
    def current(self) -> Tab:
        """The tab in front."""
        return self._tab(max(0, self.bar.currentIndex()))

    @property
    def selected_title(self) -> str:
        """The title of the tab that the user selected last; another one may be in front."""
        return self._specs[self._selected].title

    @property
    def queries_model(self) -> bool:
        """True if the selected tab queries the model as soon as it is in front."""
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
        if not self._is_started:
            return  # `start` calls this again
        front = self._tab(index)
        for tab in list(self._tabs.values()):
            if tab.is_active and tab is not front:
                tab.is_active = False
                shielded(tab.deactivated)
        self._pages.setCurrentIndex(index)
        # Only the page in front decides how small the window may be.
        for each in range(self._pages.count()):
            policy = QSizePolicy.Policy.Preferred if each == index else QSizePolicy.Policy.Ignored
            self._page(each).setSizePolicy(policy, policy)
        if not front.is_active:
            front.is_active = True
            shielded(front.activated)
        self._show_reasons()

    def _on_run(self) -> None:
        for tab in list(self._tabs.values()):
            shielded(partial(tab.set_run, self._context.run))
        self._selects_tab = self._context.run is not None
        self._show_reasons()

    def _on_changes(self, changed: frozenset[str]) -> None:
        for tab in list(self._tabs.values()):
            shielded(partial(tab.on_changes, changed))
        self._show_reasons()

    def _on_time(self, step: int) -> None:
        for tab in list(self._tabs.values()):
            shielded(partial(tab.on_time, None if step < 0 else step))
        # Once the card of a run's first snapshot is known, bring a tab to the front that can show the run.
        if self._selects_tab and self._context.step is not None:
            self._selects_tab, self._is_switching = False, True
            for index in (self._selected, *range(len(self._specs))):
                if shielded(self._tab(index).waiting_reason) is None:
                    self.bar.setCurrentIndex(index)
                    break
            self._is_switching = False
        self._show_reasons()

    def _show_reasons(self) -> None:
        for index in self._tabs:
            self._show_reason(index)

    def _show_reason(self, index: int) -> None:
        reason = shielded(self._tabs[index].waiting_reason) or ""
        title, _, help_text = reason.partition("\n")
        self._page(index).setCurrentIndex(1 if reason else 0)
        self.bar.dim(index, title if self._context.run is not None else "")
        if reason:
            self._hints[index].set_text(title, help_text)
