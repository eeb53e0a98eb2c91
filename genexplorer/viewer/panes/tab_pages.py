"""The tabs in their order, each on a page that can say why the tab cannot be shown."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from PyQt6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.error_handler import shielded
from genexplorer.viewer.panes.tab_bar import TabBar
from genexplorer.viewer.tabs.tab import Tab
from genexplorer.viewer.widgets.empty_state import EmptyState

TITLES = ("Manifold", "Density", "Samples", "Encode", "Interpolate", "Flow", "Progress", "Curves", "Theory")
_RECORDED = ("Progress", "Curves")  # show what was recorded and seldom ask the model


class TabPages(QWidget):
    """The pages; which is in front is the tab bar's business.

    A run that the chosen tab cannot show is opened with the first tab that can; the choice itself stays for other runs.
    The tabs are made when they are first asked for, so that the window need not wait for them.
    """

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.bar = TabBar()
        self._tabs: list[Tab] = []
        self._states: Mapping[str, Any] = {}  # that the tabs take back once they are made
        self._hints: list[EmptyState] = []
        self._pages = QStackedWidget()
        self._chosen = 0  # by the user
        self._unsettled = False  # a run was opened, and what it can show is not known yet
        self._settling = False
        for title in TITLES:
            self.bar.add(title)
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
        """Make the tabs, give them what they remember, and tell the one in front that it is."""
        if self._tabs:
            return
        from genexplorer.viewer.tabs.tab_types import TAB_TYPES

        for kind in TAB_TYPES:
            self._add(kind(self._context))
        for tab in self._tabs:
            state = self._states.get(tab.title)
            if isinstance(state, dict):
                shielded(partial(tab.restore, state))
        self._on_current(self.bar.currentIndex())

    def restore(self, states: Mapping[str, Any], title: str) -> None:
        """Take back what `states` returned, and the title of the tab in front, before the tabs are made."""
        self._states = states
        self.show_tab(self.index_of(title))

    def states(self) -> Mapping[str, Any]:
        """Return what the tabs remember until the viewer's next start."""
        return {tab.title: shielded(tab.state) or {} for tab in self._tabs} if self._tabs else self._states

    def closing(self) -> None:
        """Let the tabs let go of what they hold."""
        for tab in self._tabs:
            shielded(tab.closing)

    @property
    def current(self) -> Tab:
        """The tab in front."""
        return self.tabs[max(0, self.bar.currentIndex())]

    @property
    def chosen(self) -> Tab:
        """The tab that the user chose last; another one may stand in for it."""
        return self.tabs[self._chosen]

    @property
    def chosen_title(self) -> str:
        """The title of the tab that the user chose last."""
        return TITLES[self._chosen]

    @property
    def will_ask(self) -> bool:
        """Whether the tab in front will ask the model at once."""
        return self.chosen_title not in _RECORDED

    def index_of(self, title: str) -> int:
        """Return a tab's place by its title; the first one if there is none of that title."""
        return TITLES.index(title) if title in TITLES else 0

    def show_tab(self, index: int) -> None:
        """Bring a tab to the front."""
        if 0 <= index < len(TITLES):
            self.bar.setCurrentIndex(index)

    def _add(self, tab: Tab) -> None:
        hint, page = EmptyState(), QStackedWidget()
        page.addWidget(tab)
        page.addWidget(hint)
        self._pages.addWidget(page)
        self._tabs.append(tab)
        self._hints.append(hint)

    def _on_current(self, index: int) -> None:
        if not self._settling:
            self._chosen, self._unsettled = index, False
        if not self._tabs:
            return  # `make` comes back to it
        for place, tab in enumerate(self.tabs):
            if tab.is_active and place != index:
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
        self._unsettled = self._context.run is not None
        self._show_reasons()

    def _on_changes(self, what: frozenset[str]) -> None:
        for tab in self._tabs:
            shielded(partial(tab.on_changes, what))
        self._show_reasons()

    def _on_time(self, step: int) -> None:
        for tab in self._tabs:
            shielded(partial(tab.on_time, None if step < 0 else step))
        self._settle()
        self._show_reasons()

    def _settle(self) -> None:
        """Bring a tab to the front that can show the run; only its first snapshot's card says which can."""
        if not self._unsettled or self._context.step is None:
            return
        self._unsettled, self._settling = False, True
        able = [place for place, tab in enumerate(self.tabs) if shielded(tab.waiting_reason) is None]
        if able:
            self.bar.setCurrentIndex(self._chosen if self._chosen in able else able[0])
        self._settling = False

    def _show_reasons(self) -> None:
        for place, (tab, hint) in enumerate(zip(self._tabs, self._hints, strict=True)):
            page = self._pages.widget(place)
            assert isinstance(page, QStackedWidget)
            reason = shielded(tab.waiting_reason)
            page.setCurrentIndex(1 if reason else 0)
            self.bar.dim(place, (reason or "").partition("\n")[0] if self._context.run is not None else "")
            if reason:
                first, _, rest = reason.partition("\n")
                hint.set_text(first, rest)
