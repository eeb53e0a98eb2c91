"""Keys that do something to a run. What takes time happens in a thread; its outcome is told in one line."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from textual import on
from textual.content import Content
from textual.message import Message
from textual.screen import Screen

from genexplorer.dashboard.deeds import Deeds
from genexplorer.dashboard.screens.alerts import alerts_screen
from genexplorer.dashboard.screens.choice import ChoiceScreen
from genexplorer.dashboard.screens.confirm import ConfirmScreen
from genexplorer.dashboard.screens.text import TextScreen
from genexplorer.dashboard.view import DashboardView
from genexplorer.runs.record import RunStatus, State
from genexplorer.session.actions import Outcome


class RunActions(Screen[None]):
    """New, pause, stop, resume, trash, undo, viewer, copy."""

    view: DashboardView
    deeds: Deeds
    runs_dir: Path
    _trash: list[Path]

    class ActionFinished(Message):
        """A deed came to an end."""

        def __init__(self, outcome: Outcome) -> None:
            super().__init__()
            self.outcome = outcome

    class Trashed(Message):
        """A run was moved to the trash."""

        def __init__(self, trash: Path) -> None:
            super().__init__()
            self.trash = trash

    class RunStarted(Message):
        """A run was started, or brought back: it is to be chosen."""

        def __init__(self, folder: Path) -> None:
            super().__init__()
            self.folder = folder

    def say(self, text: str, *, warning: bool = False) -> None:
        """Tell something in passing."""
        raise NotImplementedError

    def hurry(self) -> None:
        """Read the runs again now."""
        raise NotImplementedError

    @property
    def status(self) -> RunStatus | None:
        """The chosen run's status."""
        raise NotImplementedError

    def action_new_run(self) -> None:
        """Ask what to train."""
        self._ask_about("")

    def action_gallery(self) -> None:
        """Show everything that can be trained; the form of the chosen one comes next."""
        from genexplorer.dashboard.screens.gallery import GalleryScreen

        self.app.push_screen(GalleryScreen(), self._preset_chosen)

    def _preset_chosen(self, preset: str | None) -> None:
        if preset is not None:
            self._ask_about(preset)

    def _ask_about(self, preset: str) -> None:
        """Show the form of a preset, of the usual one where none was chosen; it is loaded now, as few start with it."""
        from genexplorer.dashboard.screens.new_run import NewRunScreen
        from genexplorer.session.new_run import NewRunForm

        form = NewRunForm(preset, runs_dir=self.runs_dir)
        self.app.push_screen(NewRunScreen(self.deeds, form, ready=bool(preset)), self._new_run_asked)

    def _new_run_asked(self, started: Path | None) -> None:
        if started is not None:
            self.post_message(self.RunStarted(started))

    def action_pause_or_go_on(self) -> None:
        """Pause, or go on."""
        status = self._chosen()
        if status is None:
            return
        if status.state is State.PAUSED:
            self._do(f"{status.name} goes on…", lambda: self.deeds.resume(status.folder))
        elif status.state.live:
            self._do(f"Pausing {status.name}…", lambda: self.deeds.pause(status.folder))
        else:
            self.say(f"{status.name} is not running: {status.state.value}. {_then(status)}", warning=True)

    def action_stop(self) -> None:
        """Ask, then stop."""
        status = self._chosen()
        if status is None:
            return
        if not status.state.live:
            self.say(f"{status.name} is not running: {status.state.value}. {_then(status)}", warning=True)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._do(f"Stopping {status.name}…", lambda: self.deeds.stop(status.folder))

        question = f"Stop {status.name} at step {status.step:,}?"
        self.app.push_screen(
            ConfirmScreen(question, "Its state is saved; r goes on from there later.", "Stop"), answered
        )

    def action_resume(self) -> None:
        """Go on with a run that has ended early."""
        status = self._chosen()
        if status is None:
            return
        if status.state is State.PAUSED or status.state.resumable:
            self._do(f"Resuming {status.name}…", lambda: self.deeds.resume(status.folder))
        else:
            self.say(f"{status.name} is {status.state.value}: there is nothing to resume.", warning=True)

    def action_trash(self) -> None:
        """Move the run to the trash; u brings it back."""
        status = self._chosen()
        if status is None:
            return
        if status.state.live:
            self.say(f"{status.name} is {status.state.value}: s stops it first.", warning=True)
            return

        def delete() -> Outcome:
            outcome = self.deeds.delete(status.folder)
            if outcome.ok and outcome.folder is not None:
                self.post_message(self.Trashed(outcome.folder))
            return replace(outcome, hint="u brings it back") if outcome.ok else outcome

        self._do(f"Moving {status.name} to the trash…", delete)

    @on(Trashed)
    def _trashed(self, event: Trashed) -> None:
        self._trash.append(event.trash)

    def action_undo(self) -> None:
        """Bring back what was moved to the trash last."""
        if not self._trash:
            self.say("Nothing to bring back.")
            return
        trash = self._trash.pop()

        def restore() -> Outcome:
            outcome = self.deeds.restore(trash)
            if outcome.ok and outcome.folder is not None:
                self.post_message(self.RunStarted(outcome.folder))
            return outcome

        self._do("Bringing it back…", restore)

    def action_viewer(self) -> None:
        """Open the desktop viewer on the run."""
        status = self._chosen()
        if status is not None:
            self._do("Opening the viewer…", lambda: self.deeds.open_viewer(status.folder))

    def action_copy_command(self) -> None:
        """Offer command lines; the chosen one goes to the clipboard and is shown."""
        status = self._chosen()
        if status is None:
            return
        run = self.view.run if self.view.run is not None and self.view.run.folder == status.folder else None
        step = run.at_step if run is not None else None
        lines = self.deeds.command_lines(status, run.config if run else None, step, run.card if run else None)
        choices = [(line, name, line) for name, line in lines]
        title = "Copy which command?" if step is None else f"Copy which command? Pictures are of step {step:,}."
        self.app.push_screen(ChoiceScreen(title, choices, wide=True), self._copy)

    def _copy(self, line: str | None) -> None:
        if line is not None:
            self.app.copy_to_clipboard(line)
            text = Content.assemble(
                (line, "bold"),
                "\n\n",
                ("Sent to the terminal's clipboard; where that is off, copy it from here.", "$muted"),
            )
            self.app.push_screen(TextScreen("Copied", text))

    def action_alerts(self) -> None:
        """Show alerts and last words with advice."""
        if self.view.run is None:
            self.say("No run is chosen.")
        else:
            self.app.push_screen(alerts_screen(self.view.run))

    def _chosen(self) -> RunStatus | None:
        status = self.status
        if status is None:
            self.say("No run is chosen. n trains one.")
        return status

    def _do(self, announcement: str, deed: Callable[[], Outcome]) -> None:
        """Do something in a thread that does not hold up leaving, and tell what became of it."""
        self.say(announcement)

        def work() -> None:
            try:
                outcome = deed()
            except Exception as error:  # told, never thrown at the person: the dashboard goes on
                outcome = Outcome(False, f"{type(error).__name__}: {error}")
            self.post_message(self.ActionFinished(outcome))

        threading.Thread(target=work, name="deed", daemon=True).start()

    @on(ActionFinished)
    def _done(self, event: ActionFinished) -> None:
        self.say(str(event.outcome), warning=not event.outcome.ok)
        self.hurry()


def _then(status: RunStatus) -> str:
    return "r resumes it." if status.state.resumable else ""
