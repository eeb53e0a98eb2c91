"""Dialogs about the selected run: d shows its alerts with hints, y copies command lines for it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.events import Key
from textual.widgets import Button

from genexplorer.dashboard.details import RunDetails
from genexplorer.dashboard.screens.dialogs import ChoiceScreen, TextScreen
from genexplorer.errors import UserError
from genexplorer.runs.record import RunStatus
from genexplorer.session import command_lines, formatting
from genexplorer.session.alert_hints import ALERT_HINTS
from genexplorer.session.plane import DEFAULT_BOUNDS
from genexplorer.session.steering import Suggestion, suggestion

if TYPE_CHECKING:
    from trainers.config import RunConfig
    from trainers.model_card import ModelCard


class DiagnosisScreen(TextScreen):
    """Shows a run's alerts; returns the change of settings that one of them advises, or None.

    Args:
        title: Title of the dialog.
        text: The alerts.
        advice: The changes, each with the label of its button.
    """

    def __init__(self, title: str, text: Content, advice: Sequence[tuple[Suggestion, str]]) -> None:
        super().__init__(title, text)
        self.advice = advice

    def compose_buttons(self) -> ComposeResult:
        """Create a button for each change, and one that closes the dialog."""
        for index, (_, label) in enumerate(self.advice, 1):
            yield Button(Content(f"{label} ({index})"), id=f"advice-{index}", variant="primary", compact=True)
        yield from super().compose_buttons()

    @on(Button.Pressed)
    def _apply_advice(self, event: Button.Pressed) -> None:
        index = (event.button.id or "").removeprefix("advice-")
        if index.isdigit():
            event.stop()
            self.dismiss(self.advice[int(index) - 1][0])

    def on_key(self, event: Key) -> None:
        """Choose a change by its number."""
        if event.key.isdigit() and 1 <= int(event.key) <= len(self.advice):
            event.stop()
            self.dismiss(self.advice[int(event.key) - 1][0])


def diagnosis_screen(run: RunDetails, config: "RunConfig | None" = None) -> DiagnosisScreen:
    """Return a dialog with everything that went wrong in a run: errors, alerts with hints, last log lines.

    Args:
        run: The run.
        config: Its settings as they are now; None offers no changes of settings.
    """
    # Why it failed or cannot be read.
    parts: list[Content] = []
    if run.expected_failure:
        parts.append(Content.assemble(("Fails on purpose: ", "bold $accent"), run.expected_failure))
    if run.error:
        parts.append(Content.assemble(("✗ ", "$warning"), run.error))
    if run.status.reason:
        state = formatting.state_word(run.status.state)
        parts.append(Content.assemble((f"{state}: ", "bold $warning"), run.status.reason))
    # Alerts, newest first, and the log.
    for alert in reversed(run.alerts):
        symbol = {"warning": "⚠", "error": "✗"}.get(alert.severity, "·")
        head = f"{symbol} step {alert.step:,}, {formatting.clock(alert.time)}  "
        hint = ALERT_HINTS.get(alert.code, "")
        parts.append(Content.assemble((head, "$warning"), (alert.message, "bold"), f"\n{hint}" if hint else ""))
    if run.log_tail:
        parts.append(Content.assemble(("Last log lines of the worker\n", "bold"), run.log_tail))
    if not parts:
        parts.append(Content.assemble(("No alerts.", "bold"), " No errors so far."))
    # What the alerts advise, each once.
    codes = dict.fromkeys(alert.code for alert in reversed(run.alerts))
    changes = [] if config is None else [suggestion(code, config) for code in codes]
    labels = {change.label_for(run.status, config): change for change in changes if change is not None and config}
    advice = [(change, label) for label, change in labels.items()]
    return DiagnosisScreen(f"{run.status.name}: diagnosis", Content("\n\n").join(parts), advice)


def copy_command_screen(status: RunStatus, run: RunDetails | None, runs_dir: Path) -> ChoiceScreen:
    """Return a dialog that offers command lines for a run; images are of the selected step."""
    config, step, card = (run.config, run.selected_step, run.card) if run is not None else (None, None, None)
    title = "Copy which command?" if step is None else f"Copy which command? Images are of step {step:,}."
    choices = [(line, name, line) for name, line in run_commands(status.id, runs_dir, config, step, card)]
    return ChoiceScreen(title, choices, wide=True)


def run_commands(
    run: str, runs_dir: Path, config: "RunConfig | None", step: int | None, card: "ModelCard | None"
) -> list[tuple[str, str]]:
    """Return the (name, command line) pairs that make sense for a run.

    Args:
        run: Id of the run.
        runs_dir: The folder of runs, named in the command where it is not the default one.
        config: Its configuration; None if it cannot be read.
        step: Step of the snapshot from which images are made; None for the newest.
        card: The model card, which has the capabilities; None before the first snapshot.
    """
    # Commands for every run.
    lines = [
        ("show", command_lines.show(run)),
        ("view", command_lines.view(run)),
        ("animation", command_lines.progress(run)),
        ("page", command_lines.share(run)),
        ("light copy", command_lines.export_run(run)),
    ]
    # Commands that need a capability of the model.
    if card is not None:
        plane = command_lines.manifold(run, bounds=DEFAULT_BOUNDS["z"], coords="z", principal=True, step=step)
        by_capability = {
            "manifold": ("manifold", command_lines.manifold(run, bounds=DEFAULT_BOUNDS["u"], coords="u", step=step)),
            "plane": ("plane", plane),
            "sample": ("samples", command_lines.sample(run, step=step)),
            "encode": ("reconstructions", command_lines.reconstruct(run, step=step)),
            "invert": ("inversions", command_lines.invert(run, step=step)),
            "decode": ("interpolation", command_lines.interpolate(run, start="1", end="2", step=step)),
            "trace": ("trace", command_lines.trace(run, index=0, step=step)),
            "density": ("density", command_lines.density(run, step=step)),
        }
        lines += [line for capability, line in by_capability.items() if card.capability(capability).available]
    # Name the folder of runs, and put the command that trains with the same configuration first.
    lines = [(name, command_lines.with_runs_dir(line, runs_dir)) for name, line in lines]
    try:
        return [*([("train again", command_lines.train(config))] if config is not None else []), *lines]
    except UserError:
        return lines  # the preset's package is not installed here
