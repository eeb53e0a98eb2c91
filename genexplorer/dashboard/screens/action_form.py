"""The base of forms that do something with a run: the action runs in a thread, and a failure is shown in the form."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from textual import on
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from genexplorer.session.actions import ActionResult


@dataclass
class ActionFinished(Message):
    """An action on a run has finished."""

    result: ActionResult


def start_action(action: Callable[[], ActionResult], report: Callable[[ActionResult], object]) -> None:
    """Run an action in a thread, and report its result there."""

    def work() -> None:
        try:
            result = action()
        except Exception as error:  # a bug must not end the dashboard
            result = ActionResult(False, f"{type(error).__name__}: {error}")
        report(result)

    start_work(work)


def start_work(work: Callable[[], None]) -> None:
    """Run a function in a thread that does not delay quitting."""
    threading.Thread(target=work, name="run-action", daemon=True).start()


class ActionForm(ModalScreen[ActionResult | None]):
    """A form with a line for messages, `#message`. Returns the result of its action, or None.

    Args:
        owner: Gets `ActionFinished` if the form was closed before its action finished.
    """

    def __init__(self, owner: Widget) -> None:
        super().__init__()
        self._owner = owner
        self.busy = False  # while the action runs

    def start(self, announcement: str, action: Callable[[], ActionResult]) -> None:
        """Run the action; the form closes when it succeeds."""
        if self.busy:
            return
        self.busy = True
        self.show_message(announcement)
        start_action(action, self._report)

    def _report(self, result: ActionResult) -> None:
        (self if self.is_attached else self._owner).post_message(ActionFinished(result))

    @on(ActionFinished)
    def _finished(self, event: ActionFinished) -> None:
        event.stop()
        self.busy = False
        if event.result.ok:
            self.dismiss(event.result)
        else:
            self.show_message(f"✗ {event.result}")

    def show_message(self, text: str, style: str = "$accent") -> None:
        """Show a message; one that begins with ✗ is a warning."""
        style = "$warning" if text.startswith("✗") else style
        self.query_one("#message", Static).update(Content.assemble((text, style)))

    def action_cancel(self) -> None:
        """Close the form."""
        self.dismiss(None)
