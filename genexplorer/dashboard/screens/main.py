"""The main screen: runs at the top left, the selected run at the top right, tabs below."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import ContentSwitcher

from genexplorer.dashboard.charts.chart_view import ChartView
from genexplorer.dashboard.charts.scatter import LatentPlaneView
from genexplorer.dashboard.details import DashboardDetails, DetailsRequest, RunDetails
from genexplorer.dashboard.images.pane import ImagePane
from genexplorer.dashboard.key_bindings import KeyBinding, forwarded_keys
from genexplorer.dashboard.panes.bars import Footer, NumberedTabs, StatusBar
from genexplorer.dashboard.panes.header import RunHeader
from genexplorer.dashboard.panes.run_list import RunList
from genexplorer.dashboard.panes.runs import RunsPane
from genexplorer.dashboard.poller import DetailsPoller
from genexplorer.dashboard.screens.dialogs import HelpScreen
from genexplorer.dashboard.tabs.config import ConfigPane
from genexplorer.dashboard.tabs.curves import CurvesPane, step_at_x
from genexplorer.dashboard.tabs.latent import ClientFactory, LatentPane
from genexplorer.dashboard.tabs.log import LogPane
from genexplorer.dashboard.tabs.samples import SamplesPane
from genexplorer.dashboard.tabs.theory import TheoryPane
from genexplorer.dashboard.theme import DARK_THEME, LIGHT_THEME, save_theme
from genexplorer.session.run_poller import IdleTracker
from genexplorer.session.step_selection import StepSelection

_PLAYBACK_INTERVAL_S = 0.25  # time from one image to the next
_TALL_SCREEN_ROWS = 24  # from this height on, the top grows with the list of runs
_MIN_TOP_ROWS = 6
_MAX_TOP_FRACTION = 1 / 4  # of the height of the screen


class MainScreen(Screen[None]):
    """Requests details from the poller and passes them to the widgets; does no I/O itself.

    Args:
        runs_dir: The folder of runs.
        initial_run: The run to select first; the newest by default.
        make_client: Makes the client of the process that evaluates models.
        clock: Unix time; tests freeze it.
        idle_tracker: Tracks when the dashboard was last used.
    """

    KEYS: ClassVar[tuple[KeyBinding, ...]] = (
        *forwarded_keys("RunsPane", RunsPane.KEYS),
        *forwarded_keys("CurvesPane", CurvesPane.KEYS),
        KeyBinding("left_square_bracket", "move_step(-1)", "back", "previous image", "Time", in_footer=True),
        KeyBinding("right_square_bracket", "move_step(1)", "ahead", "next image", "Time", in_footer=True),
        KeyBinding("greater_than_sign", "play", "play", "play or pause the images over time", "Time"),
        KeyBinding("L,shift+l", "follow", "follow", "follow the newest step", "Time"),
        KeyBinding("k", "next_image_kind", "images", "next kind of image: samples, reconstructions, …", "Time"),
        KeyBinding("z", "image_size", "large", "few large images or many small ones", "Time"),
        KeyBinding("1,c", "show_tab('curves')", "curves", "tab Curves", "Tabs"),
        KeyBinding("2", "show_tab('samples')", "samples", "tab Samples", "Tabs"),
        KeyBinding("3", "show_tab('config')", "config", "tab Config", "Tabs"),
        KeyBinding("4", "show_tab('log')", "log", "tab Log", "Tabs"),
        KeyBinding("5,w", "show_tab('latent')", "latent", "tab Latent: arrows move through the latent space", "Tabs"),
        KeyBinding("6,t", "show_tab('theory')", "theory", "tab Theory: the objective and its current terms", "Tabs"),
        KeyBinding("e", "next_plane", "next plane", "another plane of the latent space", "Tabs"),
        KeyBinding("D,shift+d", "toggle_dark", "light/dark", "light or dark theme", "Screen"),
        KeyBinding("escape", "escape", "back", "leave the filter, the comparison, the latent plane", "Screen"),
        KeyBinding("question_mark", "help", "keys", "this list", "Screen", in_footer=True),
        KeyBinding("ctrl+p", "app.command_palette", "command palette", "search all actions and runs", "Screen"),
        KeyBinding("q", "quit", "quit", "quit the dashboard; trainings continue", "Screen", in_footer=True),
    )
    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in KEYS]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (120, "-wider"), (170, "-widest")]  # noqa: RUF012 - Textual
    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-usual"), (40, "-tall")]  # noqa: RUF012 - Textual

    class DetailsReady(Message):
        """The poller has new details; only the newest is shown, so a slow terminal skips some."""

    def __init__(
        self,
        runs_dir: Path,
        initial_run: Path | None,
        *,
        make_client: ClientFactory,
        clock: Callable[[], float],
        idle_tracker: IdleTracker | None = None,
    ) -> None:
        super().__init__()
        self.details = DashboardDetails()
        self.step_selection = StepSelection()
        self._runs_dir = runs_dir
        self._initial_run = initial_run
        self._make_client = make_client
        self._image_kind = ""
        self._top_height: int | None = None  # in rows; None: as the style sheet sets it
        self._playback_timer: Timer | None = None
        self._newest_details = self.details
        self._details_pending = False
        self._poller = DetailsPoller(runs_dir, self._receive_details, clock=clock, idle_tracker=idle_tracker)

    def compose(self) -> ComposeResult:
        """Create the panes and the tabs."""
        # Set the size classes now; otherwise everything is styled twice, first for no size.
        sizes = ((self.app.size.width, self.HORIZONTAL_BREAKPOINTS), (self.app.size.height, self.VERTICAL_BREAKPOINTS))
        for cells, breakpoints in sizes:
            self.add_class(next(name for min_cells, name in reversed(breakpoints) if cells >= min_cells), update=False)
        # Create the widgets from top to bottom.
        with Horizontal(id="top"):
            yield RunsPane(self._runs_dir, self._initial_run, id="runs-pane")
            yield RunHeader(id="header")
        yield NumberedTabs(id="tab-bar")
        with ContentSwitcher(initial="curves", id="tabs"):
            yield CurvesPane(id="curves")
            yield SamplesPane(id="samples")
            yield ConfigPane(id="config")
            yield LogPane(id="log")
            yield LatentPane(self._make_client, id="latent")
            yield TheoryPane(id="theory")
        yield StatusBar(id="status-bar")
        yield Footer(self.KEYS, id="footer")

    def on_mount(self) -> None:
        """Start polling."""
        self.query_one(RunList).focus()
        self._poller.request(self._details_request())
        threading.Thread(target=self._poller.run, name="poller", daemon=True).start()

    def on_unmount(self) -> None:
        """Stop polling."""
        self._poller.close()

    def on_resize(self) -> None:
        """Fit the panes to the new size, and request as many values for each curve as it can show."""
        self.call_after_refresh(self.update_screen)

    async def action_run_widget_action(self, widget_class: str, action: str) -> None:
        """Run an action of the widget of the class with that name."""
        await self.query_one(widget_class).run_action(action)

    def _receive_details(self, details: DashboardDetails) -> None:
        """Receive details; called in the polling thread."""
        self._newest_details = details
        if not self._details_pending:
            self._details_pending = True
            self.post_message(self.DetailsReady())

    @on(DetailsReady)
    def _show_newest(self) -> None:
        self._details_pending = False
        self.details = self._newest_details
        self.query_one(RunsPane).show(self.details)
        run = self._selected_run()
        if run is not None:
            self.step_selection.set_steps(run.image_steps)
        self.update_screen()

    @on(CurvesPane.OptionsChanged)
    def update_screen(self) -> None:
        """Show the current details and request the next; widgets whose data are unchanged are not drawn again."""
        self._poller.request(self._details_request())
        runs = self.query_one(RunsPane)
        self._resize_top(len(runs.run_list.folders))
        run = self._selected_run()
        if run is None and runs.selected in runs.folders:
            return  # just selected: its details come with the next poll
        # Show it in the fixed panes.
        details = replace(self.details, run=run)
        empty = "No run selected." if details.runs else f"No runs in {self._runs_dir}"
        self.query_one(RunHeader).show(run, empty if details.loaded else "")
        self.query_one(StatusBar).show(run)
        curves = self.query_one(CurvesPane)
        curves.run = run  # its keys work in every tab
        # Show it in the active tab; the others show theirs once they are active.
        match self._active_tab:
            case "curves":
                curves.show(details, self.step_selection)
            case "samples":
                self.query_one(SamplesPane).show(run, curves.options, self.step_selection)
            case "config":
                self.query_one(ConfigPane).show(run)
            case "log":
                self.query_one(LogPane).show(run)
            case "latent":
                self.query_one(LatentPane).show(run, details.now)
            case "theory":
                self.query_one(TheoryPane).show(run)

    def _resize_top(self, num_runs: int) -> None:
        """In a tall terminal, make the top as high as the list and its title need."""
        height = None
        if self.size.height >= _TALL_SCREEN_ROWS:
            max_height = max(int(self.size.height * _MAX_TOP_FRACTION), _MIN_TOP_ROWS)
            height = min(max(num_runs + 1, _MIN_TOP_ROWS), max_height)
        if height != self._top_height:
            self._top_height = self.query_one("#top").styles.height = height

    def _selected_run(self) -> RunDetails | None:
        """Return the details of the selected run; None while the current ones are of another run."""
        run = self.details.run
        return run if run is not None and run.folder == self.query_one(RunsPane).selected else None

    def _details_request(self) -> DetailsRequest:
        curves, runs = self.query_one(CurvesPane), self.query_one(RunsPane)
        return DetailsRequest(
            selected=runs.selected,
            compared=tuple(runs.compared),
            quantity=curves.options.quantity,
            has_small_charts=self.has_class("-tall"),
            x_axis=curves.options.x_axis,
            max_values=max(2 * curves.large_chart.size.width, 80),
            image_kind=self._image_kind,
            selected_step=None if self.step_selection.following else self.step_selection.selected_step,
        )

    def record_input(self) -> None:
        """Poll as often as while the dashboard is in use."""
        self._poller.record_input()

    @on(RunsPane.ListChanged)
    def _list_changed(self) -> None:
        self._poller.refresh_list()

    @on(StatusBar.Notice)
    def _show_notice(self, notice: StatusBar.Notice) -> None:
        self.query_one(StatusBar).show_notice(notice)
        if notice.warning:
            self.app.notify(notice.text, severity="warning", markup=False)

    # The selected step: image, metrics and the line in the charts move together.

    def action_move_step(self, by: int) -> None:
        """Move the selected step by a number of steps that have an image."""
        if not self.step_selection.steps:
            self.post_message(StatusBar.Notice("No images yet."))
            return
        self.step_selection.move(by)
        self.update_screen()

    def action_play(self) -> None:
        """Play the images over time, or pause."""
        if self.step_selection.playing:
            self.step_selection.pause()
        else:
            self.step_selection.play()
        if self._playback_timer is None:
            self._playback_timer = self.set_interval(_PLAYBACK_INTERVAL_S, self._advance)
        self._playback_timer.resume()
        self.update_screen()

    def _advance(self) -> None:
        if self.step_selection.playing:
            self.step_selection.tick()
            self.update_screen()
        elif self._playback_timer is not None:
            self._playback_timer.pause()

    @on(RunList.Selected)
    def action_follow(self) -> None:
        """Show the newest step, and each newer one."""
        self.step_selection.follow()
        self.update_screen()

    @on(ChartView.Clicked)
    def _chart_clicked(self, event: ChartView.Clicked) -> None:
        """Show the quantity of a small chart; in the large one, select the step under the mouse."""
        run = self._selected_run()
        if event.chart.quantity:
            self.action_show_quantity(event.chart.quantity)
        elif event.x is not None and run is not None:
            self.step_selection.select(step_at_x(run.curves, event.x))
            self.update_screen()

    def action_next_image_kind(self) -> None:
        """Show the next kind of image."""
        kinds = self.details.run.image_kinds if self.details.run else ()
        if kinds:
            index = kinds.index(self._image_kind) if self._image_kind in kinds else 0
            self._image_kind = kinds[(index + 1) % len(kinds)]
            self.update_screen()

    def action_image_size(self) -> None:
        """Switch between few large images and many small ones."""
        for pane in self.query(ImagePane).results(ImagePane):
            pane.large_tiles = not pane.large_tiles
        self.update_screen()

    # Tabs

    @property
    def _active_tab(self) -> str | None:
        return self.query_one("#tabs", ContentSwitcher).current

    def action_show_tab(self, tab: str) -> None:
        """Show a tab. The latent plane takes the arrow keys; other tabs leave them to the list of runs."""
        self.query_one("#tabs", ContentSwitcher).current = tab
        self.query_one(NumberedTabs).show(tab)
        self.update_screen()
        plane = self.query_one(LatentPlaneView)
        if tab == "latent" and plane.display:
            plane.focus()
        elif self.focused is None or self.focused is plane:
            self.query_one(RunList).focus()

    @on(RunsPane.ComparisonChanged)
    def _comparison_changed(self) -> None:
        self.action_show_tab("curves")

    @on(CurvesPane.QuantityChosen)
    def _quantity_chosen(self, event: CurvesPane.QuantityChosen) -> None:
        self.action_show_quantity(event.quantity)

    def action_show_quantity(self, quantity: str) -> None:
        """Show the curves of a quantity."""
        self.query_one(CurvesPane).show_quantity(quantity)
        self.action_show_tab("curves")

    def action_next_plane(self) -> None:
        """Show another plane of the latent space."""
        if self._active_tab == "latent":
            self.query_one(LatentPane).next_plane()
        else:
            self.action_show_tab("latent")

    def action_escape(self) -> None:
        """Close the filter or leave the latent plane; if the list has the focus, end the comparison."""
        runs = self.query_one(RunsPane)
        if not runs.clear_filter() and self.focused is runs.run_list and runs.compared:
            runs.clear_comparison()
            self.update_screen()
        self.set_focus(runs.run_list)

    def action_help(self) -> None:
        """Show all keys; run the action of the one that is clicked."""

        async def run(action: str | None) -> None:
            if action is not None:
                await self.run_action(action)

        self.app.push_screen(HelpScreen(self.KEYS), run)

    def action_toggle_dark(self) -> None:
        """Switch between the light and the dark theme."""
        self.app.theme = LIGHT_THEME if self.app.current_theme.dark else DARK_THEME
        save_theme(self.app.theme)

    def action_quit(self) -> None:
        """Quit the dashboard and print which trainings continue."""
        self.app.exit(message=quit_message([status.name for status in self.details.runs if status.state.active]))


def quit_message(names: list[str]) -> str | None:
    """Return the message printed after quitting; None if no run is active."""
    if not names:
        return None
    subject = f"{names[0]} continues" if len(names) == 1 else f"{len(names)} runs continue"
    return f"{subject} training in the background. 'genexplorer dashboard' reopens this view."
