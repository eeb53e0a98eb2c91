"""The one screen: runs above on the left, the chosen run above on the right, tabs below."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import ContentSwitcher, Input, Static

from genexplorer.dashboard.curve_actions import CurveActions
from genexplorer.dashboard.deeds import Deeds
from genexplorer.dashboard.images.plane import LatentPlaneView
from genexplorer.dashboard.key_bindings import KEYS
from genexplorer.dashboard.links import link
from genexplorer.dashboard.panes.footer import Footer
from genexplorer.dashboard.panes.header import RunHeader
from genexplorer.dashboard.panes.run_list import EMPTY, LETTERS, RunList, RunRow, matches
from genexplorer.dashboard.panes.status_bar import StatusBar
from genexplorer.dashboard.panes.tab_bar import NumberedTabs
from genexplorer.dashboard.poller import Poller
from genexplorer.dashboard.preferences import remember_dark
from genexplorer.dashboard.run_actions import RunActions
from genexplorer.dashboard.screens.help import HelpScreen
from genexplorer.dashboard.tabs.config import ConfigPane
from genexplorer.dashboard.tabs.curves import CurvesPane
from genexplorer.dashboard.tabs.latent import LatentPane, MakeClient, start_client
from genexplorer.dashboard.tabs.log import LogPane
from genexplorer.dashboard.tabs.samples import SamplesPane
from genexplorer.dashboard.tabs.theory import TheoryPane
from genexplorer.dashboard.theme import NAMES
from genexplorer.dashboard.time_actions import TimeActions
from genexplorer.dashboard.view import DashboardView, ViewRequest
from genexplorer.runs.record import RunStatus
from genexplorer.session.playback import TimeCursor


class MainScreen(RunActions, CurveActions, TimeActions):
    """Binds what was read to what is shown; nothing here touches a disk.

    Args:
        runs_dir: The folder of runs.
        select: The run to begin with; the newest without it.
        deeds: What the keys do.
        make_client: Starts explorers for the walk.
        clock: Unix time; tests freeze it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in KEYS]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (120, "-wider"), (170, "-widest")]  # noqa: RUF012 - Textual
    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-usual"), (40, "-tall")]  # noqa: RUF012 - Textual

    class Fresh(Message):
        """There is a new view; `Poller` keeps the newest, so a slow terminal skips those in between."""

    def __init__(
        self,
        runs_dir: Path,
        select: Path | None,
        *,
        deeds: Deeds,
        clock: Callable[[], float],
        make_client: MakeClient = start_client,
    ) -> None:
        super().__init__()
        self.runs_dir = runs_dir
        self.deeds = deeds
        self.view = DashboardView()
        self.cursor = TimeCursor()
        self.kind = ""
        self.compared: list[Path] = []
        self._make_client = make_client
        self._select = select
        self._runs_title = ""
        self._runs_shown: tuple[object, ...] = ()
        self._runs_kept: tuple[RunStatus, ...] = ()
        self._folders_of: tuple[RunStatus, ...] = ()
        self._folders: frozenset[Path] = frozenset()
        self._top_height = 0
        self._trash = []
        self._newest = DashboardView()
        self._fresh_pending = False
        self._follower = Poller(runs_dir, self._tell, clock=clock)

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        self._name_size()
        with Horizontal(id="top"):
            with Vertical(id="runs-pane"):
                yield Static("Runs", markup=False, id="runs-title")
                yield Input(placeholder="name, family, state, tag…", compact=True, id="filter")
                yield RunList(id="runs")
            yield RunHeader(id="header")
        yield NumberedTabs(id="tab-bar")
        with ContentSwitcher(initial="curves", id="tabs"):
            yield CurvesPane(id="curves")
            yield SamplesPane(id="samples")
            yield ConfigPane(id="config")
            yield LogPane(id="log")
            yield LatentPane(self._make_client, id="walk")
            yield TheoryPane(id="theory")
        yield StatusBar(id="last-line")
        yield Footer(id="keys")

    def _name_size(self) -> None:
        """Take the classes of this size at once; else all is styled twice, for no size and for this one."""
        sizes = ((self.app.size.width, self.HORIZONTAL_BREAKPOINTS), (self.app.size.height, self.VERTICAL_BREAKPOINTS))
        for cells, breakpoints in sizes:
            self.add_class(next(name for least, name in reversed(breakpoints) if cells >= least), update=False)

    def on_mount(self) -> None:
        """Begin to read."""
        self.query_one("#filter").display = False
        self.query_one(RunList).focus()
        self._follower.want(self._wanted())
        threading.Thread(target=self._follower.run, name="follower", daemon=True).start()

    def on_unmount(self) -> None:
        """Stop to read."""
        self._follower.close()

    def on_resize(self) -> None:
        """Ask for as many points as there is room for."""
        self.call_after_refresh(self.redraw)

    # what is read

    def _tell(self, view: DashboardView) -> None:
        """Take a view in the reading thread."""
        self._newest = view
        if not self._fresh_pending:
            self._fresh_pending = True
            self.post_message(self.Fresh())

    @on(Fresh)
    def _take(self) -> None:
        self._fresh_pending = False
        self.view = self._newest
        self._choose_first()
        run = self.view.run
        if run is not None and run.folder == self.query_one(RunList).chosen:
            self.cursor.set_steps(run.picture_steps)
        self.redraw()

    def redraw(self) -> None:
        """Show the present view and say what is wanted next; widgets skip what has not changed."""
        self._follower.want(self._wanted())
        self._show_runs()
        chosen = self.query_one(RunList).chosen
        run = self.view.run if self.view.run is not None and self.view.run.folder == chosen else None
        if run is None and chosen is not None and chosen in self._known:
            return  # it was chosen a moment ago: its view is on the way
        view = replace(self.view, run=run)
        self.query_one(RunHeader).show(run, self._nothing())
        self.query_one(StatusBar).show(run)
        self._show_tab(view)

    def _show_tab(self, view: DashboardView) -> None:
        following, playing = self.cursor.following, self.cursor.playing
        match self.query_one("#tabs", ContentSwitcher).current:
            case "curves":
                self.query_one(CurvesPane).show(view, following=following, playing=playing)
            case "samples":
                looks = self.query_one(CurvesPane).looks
                self.query_one(SamplesPane).show(view.run, looks, following=following, playing=playing)
            case "config":
                self.query_one(ConfigPane).show(view.run)
            case "log":
                self.query_one(LogPane).show(view.run)
            case "walk":
                self.query_one(LatentPane).show(view.run, view.now)
            case _:
                self.query_one(TheoryPane).show(view.run)

    def _wanted(self) -> ViewRequest:
        curves = self.query_one(CurvesPane)
        following = self.cursor.following or self.cursor.position is None
        return ViewRequest(
            selected=self.query_one(RunList).chosen,
            compared=tuple(self.compared),
            quantity=curves.looks.quantity,
            small=self.has_class("-tall"),
            x=curves.looks.x,
            max_points=max(2 * curves.large.size.width, 80),
            kind=self.kind,
            at_step=None if following else self.cursor.position,
        )

    # runs

    @property
    def status(self) -> RunStatus | None:
        """The chosen run's status."""
        chosen = self.query_one(RunList).chosen
        return next((status for status in self.view.runs if status.folder == chosen), None)

    @property
    def _known(self) -> frozenset[Path]:
        """The folders of all runs, collected once for each list."""
        if self._folders_of is not self.view.runs:
            self._folders_of, self._folders = self.view.runs, frozenset(status.folder for status in self.view.runs)
        return self._folders

    @property
    def _matching(self) -> list[RunStatus]:
        words = self.query_one("#filter", Input).value
        return [status for status in self.view.runs if matches(status, words)] if words else list(self.view.runs)

    def _show_runs(self) -> None:
        words = self.query_one("#filter", Input).value
        cause = (id(self.view.runs), words, tuple(self.compared), self.view.listed, self.view.problem, self.size)
        if cause == self._runs_shown:
            return
        self._runs_shown, self._runs_kept = cause, self.view.runs  # kept, so that its id stays its own
        rows = [RunRow(status, self._letter(status.folder)) for status in self._matching]
        if not self.view.listed:
            hint = "Reading the runs…"
        elif self.view.problem:
            hint = f"Cannot read {self.runs_dir}:\n{self.view.problem}"
        elif words and self.view.runs:
            hint = "No run matches.\nesc shows all."
        else:
            hint = EMPTY
        self.query_one(RunList).show(rows, hint)
        self._fit_top(len(rows))
        total = len(self.view.runs)
        shown = f"{len(rows)} of {total}" if words else str(total)
        live = sum(status.state.live for status in self.view.runs)
        self._set_title(f"Runs ({shown})" + (f" · {live} live" if live else "") + "  ")

    def _fit_top(self, rows: int) -> None:
        """In a tall terminal, give the runs as many rows as they fill, up to a quarter of it."""
        height = min(max(rows + 1, 6), max(self.size.height // 4, 6))
        if height != self._top_height:
            self._top_height = height
            self.query_one("#top").styles.height = height if self.size.height >= 24 else None

    def _set_title(self, title: str) -> None:
        if title != self._runs_title:
            self._runs_title = title
            words = Content(title) + link("/ filter", "screen.filter", "$muted")
            self.query_one("#runs-title", Static).update(words, layout=False)

    def _letter(self, folder: Path) -> str:
        return LETTERS[self.compared.index(folder) % len(LETTERS)] if folder in self.compared else ""

    def _nothing(self) -> str:
        if not self.view.listed:
            return ""
        return f"No runs in {self.runs_dir}" if not self.view.runs else "No run is chosen."

    def _choose_first(self) -> None:
        """Choose a run where none is chosen, or where the chosen one is gone."""
        runs, known = self.query_one(RunList), self._known
        gone = self._select is None and runs.chosen not in known
        folders = [status.folder for status in self._matching] if gone else []
        if self._select is not None and self._select in known:
            runs.choose(self._select)
            self._select = None
        elif folders:
            before = runs.folders
            place = before.index(runs.chosen) if runs.chosen in before else 0
            runs.choose(folders[min(place, len(folders) - 1)])
        elif not known and self.view.listed:
            runs.choose(None)
        self.compared = [folder for folder in self.compared if folder in known]

    @on(RunList.Chosen)
    def _run_chosen(self) -> None:
        self.cursor.follow()
        self.redraw()

    @on(RunActions.RunStarted)
    def _run_started(self, event: RunActions.RunStarted) -> None:
        self._select = event.folder
        self.hurry()

    def hurry(self) -> None:
        """Read the runs again now."""
        self._follower.hurry()

    def touch(self) -> None:
        """Somebody is there: read as often as they may look."""
        self._follower.touch()

    def action_compare(self) -> None:
        """Mark the chosen run for a comparison, or take the mark away."""
        status = self._chosen()
        if status is None:
            return
        if status.folder in self.compared:
            self.compared.remove(status.folder)
        elif len(self.compared) >= len(LETTERS):
            self.say(f"At most {len(LETTERS)} runs are compared; space takes a mark away.", warning=True)
        else:
            self.compared.append(status.folder)
            if len(self.compared) == 1:
                self.say("Marked A. Choose another run and press space; esc ends the comparison.")
        self.action_show_tab("curves")
        self.redraw()

    # filter

    def action_filter(self) -> None:
        """Ask for words."""
        field = self.query_one("#filter", Input)
        field.display = True
        self.query_one("#runs-title").display = False
        field.focus()

    @on(Input.Changed, "#filter")
    def _filter_changed(self) -> None:
        folders = [status.folder for status in self._matching]
        runs = self.query_one(RunList)
        if folders and runs.chosen not in folders:
            runs.choose(folders[0])
        self.redraw()

    @on(Input.Submitted, "#filter")
    def _filter_submitted(self) -> None:
        self.query_one(RunList).focus()
        self._hide_empty_filter()

    def _hide_empty_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = bool(field.value)
        self.query_one("#runs-title").display = not field.value

    # screen

    def action_show_tab(self, tab: str) -> None:
        """Show a tab; the walk takes the arrow keys, the others leave them to the runs."""
        self.query_one("#tabs", ContentSwitcher).current = tab
        self.query_one(NumberedTabs).show(tab)
        self.redraw()
        plane = self.query_one("#plane", LatentPlaneView)
        if tab == "walk" and plane.display:
            plane.focus()
        elif self.focused is None or self.focused is plane:
            self.query_one(RunList).focus()

    @on(NumberedTabs.ViewRequest)
    def _tab_wanted(self, event: NumberedTabs.ViewRequest) -> None:
        self.action_show_tab(event.tab)

    def action_retry_walk(self) -> None:
        """Start the explorer again."""
        self.query_one(LatentPane).retry()

    def action_next_plane(self) -> None:
        """Walk in another plane of the latent space."""
        if self.query_one("#tabs", ContentSwitcher).current != "walk":
            self.action_show_tab("walk")
        elif not self.query_one(LatentPane).next_plane():
            self.say("There is no other plane to walk in.")

    def action_escape(self) -> None:
        """Leave, one after the other: the filter, the walk, the comparison."""
        field = self.query_one("#filter", Input)
        runs = self.query_one(RunList)
        if field.display:
            field.value = ""
            self._hide_empty_filter()
        elif self.focused is runs and self.compared:
            self.compared.clear()
            self.redraw()
        runs.focus()

    def say(self, text: str, *, warning: bool = False) -> None:
        """Tell something in passing: in the last line, and in a box where it is a warning."""
        self.query_one(StatusBar).say(text, warning=warning)
        if warning:
            self.app.notify(text, severity="warning", markup=False)

    def action_help(self) -> None:
        """Show all keys."""
        self.app.push_screen(HelpScreen(), self._run_chosen_key)

    async def _run_chosen_key(self, action: str | None) -> None:
        if action is not None:
            await self.run_action(action)

    def action_dark(self) -> None:
        """Change between light and dark."""
        dark = not self.app.current_theme.dark
        self.app.theme = NAMES[dark]
        remember_dark(dark)

    def action_leave(self) -> None:
        """Leave the dashboard, and say that the trainings go on."""
        names = [status.name for status in self.view.runs if status.state.live]
        self.app.exit(message=farewell(names))


def farewell(names: list[str]) -> str | None:
    """Return what is said at the end; None where nothing is running."""
    if not names:
        return None
    who = names[0] if len(names) == 1 else f"{len(names)} runs"
    verb = "goes" if len(names) == 1 else "go"
    return f"{who} {verb} on training in the background. 'genexplorer dashboard' shows it again."
