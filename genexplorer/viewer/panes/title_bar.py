"""The title bar: the open run and its status, pause and stop, and the menu."""

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QMenu, QProgressBar, QToolButton, QWidget

from genexplorer.errors import UserError
from genexplorer.runs.record import RunStatus, State
from genexplorer.runs.store import RunStore
from genexplorer.session import formatting
from genexplorer.session.run_tree import tree_rows
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.style import GAP, mix, scaled
from genexplorer.viewer.widgets.controls import fill_box, tool_button
from genexplorer.viewer.widgets.icons import icon
from genexplorer.viewer.widgets.labels import literal_tooltip, menu_text, muted, set_role, text

_FAILED_STATES = (State.FAILED, State.LOST, State.DAMAGED)
_MAX_MENU_RUNS = 40  # the newest runs; older ones are opened by folder


class TitleBar(QWidget):
    """Shows the run's status; the window connects the buttons `pause`, `stop` and `new`.

    Signals:
        run_chosen(Path): Another run of the menu.
        folder_requested: Open a folder by dialog.
        new_run_requested: The form of a new run, from the menu.
    """

    run_chosen = pyqtSignal(object)
    folder_requested = pyqtSignal()
    new_run_requested = pyqtSignal()

    def __init__(self, context: ViewerContext, menu: QMenu, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._icon_key: tuple[object, ...] = ()  # the colors and state they were made for
        # The menu of runs, the status, and the buttons.
        self.run_button = tool_button("", "Choose a run (Ctrl+R)", name="run")
        self.run_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self.run_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.run_menu = QMenu(self.run_button)
        self.run_menu.aboutToShow.connect(self.fill_menu)
        self.run_button.setMenu(self.run_menu)
        self.state, self.percent, self.time_left, self.speed = text(), text(), muted(), muted()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setFixedWidth(scaled(15 * GAP))
        self.pause, self.stop = tool_button("", "Pause (Ctrl+P)"), tool_button("", "Stop (Ctrl+.)")
        self.new, self.more = tool_button(" New run", "Train a new run (N)"), tool_button("", "Menu (F10)")
        self.new.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setMenu(menu)
        row = fill_box(
            QHBoxLayout(self), self.run_button, GAP, self.state, self.bar, self.percent, self.time_left, None
        )
        widgets = (self.speed, self.pause, self.stop, self.new, self.more)
        fill_box(row, *widgets, margins=(2 * GAP, GAP, 2 * GAP, GAP // 2))
        context.run_changed.connect(self.refresh)
        context.data_changed.connect(lambda _changed: self.refresh())
        self.refresh()

    def refresh(self) -> None:
        """Show the run's status as it is now."""
        run = self._context.run
        resumes = run is not None and (run.status.state is State.PAUSED or run.status.state.resumable)
        self._draw_icons(resumes)
        if run is None:
            self.run_button.setText("Choose a run  ▾")
            self.run_button.setToolTip("Choose a run (Ctrl+R)")
            for label in (self.state, self.percent, self.time_left, self.speed):
                label.setText("")
            self.bar.setVisible(False)
            self.pause.setEnabled(False)
            self.stop.setEnabled(False)
            return
        status, state = run.status, run.status.state
        # Name and state.
        self.run_button.setText(menu_text(f"{status.preset or status.family} · {status.name}  ▾"))
        self.run_button.setToolTip(literal_tooltip(f"{status.folder}  (Ctrl+R for other runs)"))
        self.state.setText(f"{formatting.state_symbol(state)} {formatting.state_word(state)}")
        self.state.setToolTip(literal_tooltip(status.reason))
        has_problem = state in _FAILED_STATES or (state.active and not status.is_responding)
        set_role(self.state, "warning" if has_problem else "plain")
        # Progress.
        self.bar.setValue(round(status.progress * 1000))
        self.bar.setVisible(state.active)
        self.percent.setVisible(state.active)
        self.percent.setText(formatting.percent(status.progress))
        self.time_left.setText(summary(status))
        self.speed.setText(formatting.speed(status) if state is State.RUNNING else "")
        # Buttons.
        self.pause.setEnabled(state is State.RUNNING or resumes)
        self.pause.setToolTip("Resume the training (Ctrl+P)" if resumes else "Pause the training (Ctrl+P)")
        self.stop.setEnabled(state in (State.RUNNING, State.PAUSED))
        self.stop.setToolTip("Stop the training; it can be resumed later (Ctrl+.)")

    def fill_menu(self) -> None:
        """Write the menu of runs, the newest first, with branches below their parents."""
        menu, run = self.run_menu, self._context.run
        menu.clear()
        try:
            runs = RunStore(self._context.runs_dir).list()
        except (UserError, OSError) as error:
            runs = []
            _add_note(menu, f"The runs folder cannot be read: {error}")
        # An entry for each run; the open one is checked.
        for row in tree_rows(runs)[:_MAX_MENU_RUNS]:
            status = row.status
            label = f"{formatting.state_symbol(status.state)}  {row.name}   {status.preset}   {summary(status)}"
            action = menu.addAction(menu_text(label))
            if action is not None:
                action.setCheckable(True)
                action.setChecked(run is not None and run.folder == status.folder)
                action.triggered.connect(lambda _checked, folder=status.folder: self.run_chosen.emit(folder))
        if not runs:
            _add_note(menu, f"No runs in {self._context.runs_dir}")
        elif len(runs) > _MAX_MENU_RUNS:
            _add_note(menu, f"{len(runs) - _MAX_MENU_RUNS} older runs: use Open folder")
        menu.addSeparator()
        menu.addAction("Open folder…\tCtrl+O", self.folder_requested.emit)
        menu.addAction("New run…\tN", self.new_run_requested.emit)

    def _draw_icons(self, resumes: bool) -> None:
        palette = self._context.palette
        dim = mix(palette.muted, palette.background, 0.5)
        if self._icon_key == (palette.text, dim, resumes):
            return
        self._icon_key = (palette.text, dim, resumes)
        for button, name in (
            (self.pause, "play" if resumes else "pause"),
            (self.stop, "stop"),
            (self.new, "plus"),
            (self.more, "menu"),
        ):
            button.setIcon(icon(name, palette.text, dim))


def summary(status: RunStatus) -> str:
    """Return the remaining or elapsed time, the step, or the reason of a failure."""
    if status.state in _FAILED_STATES:
        return status.reason
    if status.state is State.RUNNING and status.phase not in ("", "training"):
        time_left, phase = formatting.time_left(status), f"{status.phase} {status.phase_detail}".rstrip()
        return phase if time_left == status.phase else f"{time_left}  ·  {phase}"
    if status.state in (State.PAUSED, State.STOPPING, State.STOPPED, State.QUEUED):
        return f"at step {status.step:,}"
    return formatting.time_left(status)


def _add_note(menu: QMenu, note: str) -> None:
    action = menu.addAction(menu_text(note))
    if action is not None:
        action.setEnabled(False)
