"""The title bar: the open run and its status, pause and stop, and the menu."""

from pathlib import Path

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QMenu, QProgressBar, QToolButton, QWidget

from genexplorer.errors import UserError
from genexplorer.runs.record import RunStatus, State
from genexplorer.runs.store import RunStore
from genexplorer.session import formatting
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.style import GAP, mix
from genexplorer.viewer.widgets.controls import tool_button
from genexplorer.viewer.widgets.icons import icon
from genexplorer.viewer.widgets.labels import literal_tooltip, menu_text, muted, set_role, text

_MENU_LENGTH = 40  # the newest runs; older ones are opened by folder


class TitleBar(QWidget):
    """Shows the run's status; its buttons emit signals.

    Signals:
        run_chosen(Path): Another run of the menu.
        folder_wanted: Open a folder by dialog.
        new_run_wanted: The form of a new run.
        pause_wanted: Pause, or resume.
        stop_wanted: Stop the training.
    """

    run_chosen = pyqtSignal(object)
    folder_wanted = pyqtSignal()
    new_run_wanted = pyqtSignal()
    pause_wanted = pyqtSignal()
    stop_wanted = pyqtSignal()

    def __init__(self, context: ViewerContext, menu: QMenu, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._icons: tuple[object, ...] = ()  # the colors and state they were made for
        self.run_button = _button("", "Choose a run (Ctrl+R)", "run")
        self.run_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.run_menu = QMenu(self.run_button)
        self.run_menu.aboutToShow.connect(self.fill_menu)
        self.run_button.setMenu(self.run_menu)
        self.state, self.share, self.time_left, self.speed = text(), text(), muted(), muted()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setFixedWidth(15 * GAP)
        self.pause, self.stop = _button("", "Pause (Ctrl+P)"), _button("", "Stop (Ctrl+.)")
        self.new = _button(" New run", "Train a new run (N)")
        self.more = _button("", "Menu (F10)")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setMenu(menu)
        self._lay_out()
        self.pause.clicked.connect(self.pause_wanted)
        self.stop.clicked.connect(self.stop_wanted)
        self.new.clicked.connect(self.new_run_wanted)
        context.run_changed.connect(self.refresh)
        context.changes.connect(lambda _changed: self.refresh())
        self.refresh()

    def _lay_out(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * GAP, GAP, 2 * GAP, GAP // 2)
        layout.setSpacing(GAP)
        layout.addWidget(self.run_button)
        layout.addSpacing(GAP)
        widgets: tuple[QWidget, ...] = (self.state, self.bar, self.share, self.time_left)
        for widget in widgets:
            layout.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)
        layout.addStretch(1)
        widgets = (self.speed, self.pause, self.stop, self.new, self.more)
        for widget in widgets:
            layout.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)

    def refresh(self) -> None:
        """Show the run's status as it is now."""
        self._draw_icons()
        run = self._context.run
        if run is None:
            self._show_none()
            return
        status = run.status
        self.run_button.setText(menu_text(f"{status.preset or status.family} · {status.name}  ▾"))
        self.run_button.setToolTip(literal_tooltip(f"{status.folder}  (Ctrl+R for other runs)"))
        self.state.setText(f"{formatting.state_symbol(status.state)} {formatting.state_word(status.state)}")
        set_role(self.state, "warning" if _is_worrying(status) else "plain")
        self.state.setToolTip(literal_tooltip(status.reason))
        self.bar.setValue(round(status.progress * 1000))
        self.bar.setVisible(status.state.live)
        self.share.setVisible(status.state.live)
        self.share.setText(formatting.percent(status.progress))
        self.time_left.setText(summary(status))
        self.speed.setText(_speed(status))
        self._enable(status)

    def fill_menu(self) -> None:
        """Write the menu of runs, the newest first."""
        menu = self.run_menu
        menu.clear()
        try:
            runs = RunStore(self._context.runs_dir).list()
        except (UserError, OSError) as error:
            runs = []
            _add_note(menu, f"The runs folder cannot be read: {error}")
        for status in runs[:_MENU_LENGTH]:
            self._add_run(menu, status)
        if not runs:
            _add_note(menu, f"No runs in {self._context.runs_dir}")
        elif len(runs) > _MENU_LENGTH:
            _add_note(menu, f"{len(runs) - _MENU_LENGTH} older runs: use Open folder")
        menu.addSeparator()
        menu.addAction("Open folder…\tCtrl+O", self.folder_wanted.emit)
        menu.addAction("New run…\tN", self.new_run_wanted.emit)

    def _add_run(self, menu: QMenu, status: RunStatus) -> None:
        run = self._context.run
        words = f"{formatting.state_symbol(status.state)}  {status.name}   {status.preset}   {summary(status)}"
        action = menu.addAction(menu_text(words))
        if action is None:
            return
        action.setCheckable(True)
        action.setChecked(run is not None and run.folder == status.folder)
        folder: Path = status.folder
        action.triggered.connect(lambda _checked, folder=folder: self.run_chosen.emit(folder))

    def _show_none(self) -> None:
        self.run_button.setText("Choose a run  ▾")
        self.run_button.setToolTip("Choose a run (Ctrl+R)")
        for label in (self.state, self.share, self.time_left, self.speed):
            label.setText("")
        self.bar.setVisible(False)
        self.pause.setEnabled(False)
        self.stop.setEnabled(False)

    def _enable(self, status: RunStatus) -> None:
        resumable = status.state is State.PAUSED or status.state.resumable
        self.pause.setEnabled(status.state is State.RUNNING or resumable)
        self.pause.setToolTip("Resume the training (Ctrl+P)" if resumable else "Pause the training (Ctrl+P)")
        self.stop.setEnabled(status.state in (State.RUNNING, State.PAUSED))
        self.stop.setToolTip("Stop the training; it can be resumed later (Ctrl+.)")

    def _draw_icons(self) -> None:
        palette, run = self._context.palette, self._context.run
        dim = mix(palette.muted, palette.background, 0.5)
        resumes = run is not None and (run.status.state is State.PAUSED or run.status.state.resumable)
        if self._icons == (palette.text, dim, resumes):
            return
        self._icons = (palette.text, dim, resumes)
        for button, name in (
            (self.pause, "play" if resumes else "pause"),
            (self.stop, "stop"),
            (self.new, "plus"),
            (self.more, "menu"),
        ):
            button.setIcon(icon(name, palette.text, dim))


def summary(status: RunStatus) -> str:
    """Return the remaining or elapsed time, the step, or the reason of a failure."""
    if status.state in (State.FAILED, State.LOST, State.DAMAGED):
        return status.reason
    if status.state is State.RUNNING and status.phase not in ("", "training"):
        return f"{formatting.time_left(status)}  ·  {status.phase}"
    if status.state in (State.PAUSED, State.STOPPING, State.STOPPED, State.QUEUED):
        return f"at step {status.step:,}"
    return formatting.time_left(status)


def _speed(status: RunStatus) -> str:
    return formatting.speed(status) if status.state is State.RUNNING else ""


def _is_worrying(status: RunStatus) -> bool:
    return status.state in (State.FAILED, State.LOST, State.DAMAGED) or (status.state.live and not status.answering)


def _button(label: str, tooltip: str, name: str = "") -> QToolButton:
    button = tool_button(label, tooltip, name=name)
    if label:
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    if name == "run":
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
    return button


def _add_note(menu: QMenu, words: str) -> None:
    action = menu.addAction(menu_text(words))
    if action is not None:
        action.setEnabled(False)
