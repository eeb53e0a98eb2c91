"""The base of the tabs that query the model of the open run: Manifold, Density, Encode, Interpolate and Flow.

It follows run and snapshot, gives the reason while there is nothing to show, and dispatches keys from a table.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QKeyEvent
from PyQt6.QtWidgets import QWidget

from genexplorer.errors import UserError
from genexplorer.session import command_lines
from genexplorer.session.class_scheme import ClassScheme
from genexplorer.session.plane import data_bounds
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.model_client import ModelRequest, ModelResponse, RequestGroup, failure_text
from genexplorer.viewer.tabs.tab import Tab

if TYPE_CHECKING:
    from genexplorer.session.run_poller import RunPoller
    from genexplorer.viewer.plots.plane_plot import PathPlot
    from trainers.model_card import ModelCard

KeyActions = Mapping[int, Callable[[], object]]
_KEY_ALIASES: dict[int, int] = {Qt.Key.Key_Enter: Qt.Key.Key_Return, Qt.Key.Key_Equal: Qt.Key.Key_Plus}
_NUM_BACKGROUND_POINTS = 1500  # test points drawn behind the points of a model of 2-D data


class ModelTab(Tab):
    """A tab that shows the model of the open run at the snapshot that the time bar has selected.

    A subclass sets `capability` and `unsupported`, or overrides `unsupported_reason`; it overrides `clear`, `stop`,
    `show_snapshot`, `key_actions` and `build_command`.

    Attributes:
        training_hint: The end of "press N to …", shown while no run is open.
        capability: The capability of the model without which the tab has nothing to show.
        unsupported: The message where the model lacks it, with {title} of the model and {reason}; its second line is a
            hint.
        run: The open run, or None.
        step: The snapshot's step; None while there is no snapshot.
        card: The model card at `step`; None while there is none, or where it cannot be read.
        requests: This tab's requests to the model, canceled when the tab is hidden or the run changes.
    """

    training_hint = "train one"
    capability = "decode"
    unsupported = ""

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.run: RunPoller | None = None
        self.step: int | None = None
        self.card: ModelCard | None = None
        self.requests = RequestGroup(context.model_client, self.title.lower(), self.report_failure)
        self._is_dragging = False
        self._postponed_step: int | None = None  # of a snapshot that arrived during a drag

    # Subclasses override these ----------------------------------------------------------------------------------

    def unsupported_reason(self, card: "ModelCard") -> str | None:
        """Return why this model has nothing to show here, with a hint on a second line; None if it has."""
        needed = card.capability(self.capability)
        return None if needed.available else self.unsupported.format(title=card.title, reason=needed.reason)

    def clear(self) -> None:
        """Discard the state of the former run."""

    def stop(self) -> None:
        """Stop timers and animations, and cancel the requests."""
        self.requests.cancel_all()

    def show_snapshot(self, card: "ModelCard", step: int) -> None:
        """Request and show the content at a snapshot; called only while the tab is active."""

    def key_actions(self, shift: bool) -> KeyActions:
        """Return the action of each key, pressed with Shift or without modifiers; called only while there is a model.

        Enter acts as Return, and = as +, which many keyboards have on the same key.
        """
        return {}

    def build_command(self, run_id: str, step: int) -> str | None:
        """Return the shell command that makes the same image, without `--runs-dir`, or None."""
        return None

    # Run and snapshot -------------------------------------------------------------------------------------------

    def waiting_reason(self) -> str | None:
        """Return why there is nothing to show, with a hint on a second line, or None."""
        if self.run is None:
            return f"No run is open.\nOpen one with the run menu, or press N to {self.training_hint}."
        if self.step is None:
            status = self.run.status
            if status.phase == "decoding":
                return f"Decoding {status.phase_detail}.\nThe next start finds them in the cache."
            return "Waiting for the first snapshot.\nIt is saved after the first training step."
        if self.card is None:
            return f"The snapshot at step {self.step:,} cannot be read.\nChoose another one with [ and ]."
        return self.unsupported_reason(self.card)

    @property
    def is_showing(self) -> bool:
        """Whether the tab is in front and its model can be shown."""
        return self.is_active and self.waiting_reason() is None

    @property
    def is_point_data(self) -> bool:
        """Whether the model's data are 2-D points, not images."""
        return self.card is not None and self.card.data.kind == "points"

    def set_run(self, run: "RunPoller | None") -> None:
        """Show another run, or none."""
        self._is_dragging, self._postponed_step = False, None
        self.stop()
        self.run, self.step, self.card = run, None, None
        self.clear()

    def on_time(self, step: int | None) -> None:
        """Show another snapshot, at once or when the drag in progress ends."""
        if self._is_dragging and self.step is not None:
            self._postponed_step = step
            return
        self.step, self.card = step, None
        if self.run is not None and step is not None:
            with suppress(UserError, OSError):  # a snapshot that cannot be read has no card
                self.card = self.run.card(step)
        self.refresh()

    def set_dragging(self, dragging: bool) -> None:
        """Keep the snapshot while something is dragged; afterwards show the one that arrived meanwhile."""
        self._is_dragging = dragging
        self.context.set_dragging(dragging)
        if not dragging and self._postponed_step is not None:
            step, self._postponed_step = self._postponed_step, None
            self.on_time(step)

    def refresh(self) -> None:
        """Show the selected snapshot if the tab is in front."""
        if self.is_showing and self.card is not None and self.step is not None:
            self.show_snapshot(self.card, self.step)

    def activated(self) -> None:
        """Bring the tab up to date."""
        self.stop()
        self.refresh()

    def deactivated(self) -> None:
        """End a drag, and stop timers and requests."""
        self.set_dragging(False)
        self.stop()

    def closing(self) -> None:
        """Stop timers and requests."""
        self.stop()

    # Keys, commands, messages -----------------------------------------------------------------------------------

    def on_key(self, event: QKeyEvent) -> bool:
        """Run the action of a key; return whether there is one."""
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        shift = modifiers == Qt.KeyboardModifier.ShiftModifier
        if not (shift or modifiers == Qt.KeyboardModifier.NoModifier) or self.waiting_reason() is not None:
            return False
        action = self.key_actions(shift).get(_KEY_ALIASES.get(event.key(), event.key()))
        if action is None:
            return False
        action()
        return True

    def command_line(self) -> str | None:
        """Return the shell command that makes the same image, or None."""
        if self.run is None or self.step is None or self.waiting_reason() is not None:
            return None
        command = self.build_command(self.run.status.id, self.step)
        return None if command is None else command_lines.with_runs_dir(command, self.context.runs_dir)

    def report_failure(self, message: str, hint: str) -> None:
        """Show in the status bar why a request failed."""
        self.context.status_message.emit(failure_text(message, hint))

    def request_data_points(self, plot: "PathPlot") -> None:
        """Request test points and show them in the background of a plot."""

        def show(response: ModelResponse) -> None:
            points = np.asarray(response.arrays["points"], np.float64)
            labels = np.asarray(response.arrays["labels"], np.int64)
            colors = ClassScheme().with_labels(labels.tolist()).colors(labels)
            plot.set_data(points, colors, data_bounds(response.meta))

        request = ModelRequest("points", show, {"count": _NUM_BACKGROUND_POINTS, "split": "test"}, {}, self.step)
        self.requests.send("preview", "cloud", request)
