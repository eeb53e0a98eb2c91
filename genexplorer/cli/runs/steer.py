"""`genexplorer runs set | extend | step`: change what a run does while it trains, or with its next start."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genexplorer.cli import output
from genexplorer.cli.options import AsJson, Run, RunsDir, open_store
from genexplorer.cli.runs.control import Timeout, apply_to_each, parse_assignments
from genexplorer.errors import ConfigError

if TYPE_CHECKING:
    from trainers.events import LrContinuation
    from trainers.settable import SettableSetting

LrSchedule = Annotated[
    str,
    typer.Option(
        "--lr-schedule",
        metavar="HOW",
        help="How a falling learning rate goes on: continue (along the curve of the new length), "
        "restart (warm restart), hold (as it is).",
    ),
]


def set_(
    run: Run,
    assignments: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Settings, such as optim.lr=1e-4 model.beta=2.")
    ] = None,
    lr_schedule: LrSchedule = "continue",
    timeout: Timeout = 30.0,
    as_json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """Change settings of a run while it trains, all or none. Without settings it lists those that can change."""
    from genexplorer.session import steering

    if not assignments:
        folder = open_store(runs_dir).find(run)
        _print_settings(steering.settable_settings(folder), as_json)
        return
    values = parse_assignments(assignments, "")
    change = partial(
        steering.set_settings, values=values, lr_continuation=parse_lr_schedule(lr_schedule), timeout_s=timeout
    )
    apply_to_each([run], runs_dir, change)


def extend(
    run: Run,
    epochs: Annotated[float | None, typer.Option("--epochs", help="Epochs more.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Steps more.")] = None,
    minutes: Annotated[float | None, typer.Option("--minutes", help="Minutes more.")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting with it; repeatable.")
    ] = None,
    lr_schedule: LrSchedule = "continue",
    timeout: Timeout = 60.0,
    runs_dir: RunsDir = None,
) -> None:
    """Train a run longer, whether it is training, paused, stopped or finished."""
    from genexplorer.session import steering

    options = {"epochs": epochs, "steps": steps, "minutes": minutes}
    amounts = {unit: amount for unit, amount in options.items() if amount is not None}
    if len(amounts) != 1:
        raise ConfigError("how much longer?", "give one of --epochs, --steps, --minutes")
    (unit,) = amounts
    values, continuation = parse_assignments(assignments or (), "--set"), parse_lr_schedule(lr_schedule)
    output.print_lifetime_warning()

    def extend_one(folder: Path, own_runs_dir: Path) -> Any:
        return steering.extend(
            folder,
            own_runs_dir,
            amounts[unit],
            unit,
            values=values,
            lr_continuation=continuation,
            timeout_s=timeout,
        )

    apply_to_each([run], runs_dir, extend_one)


def step(
    run: Run,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=1000, help="Number of steps.")] = 1,
    timeout: Timeout = 30.0,
    runs_dir: RunsDir = None,
) -> None:
    """Let a paused run take single steps, each with new pictures; it stays paused."""
    from genexplorer.session import steering

    apply_to_each([run], runs_dir, partial(steering.take_steps, count=count, timeout_s=timeout))


def parse_lr_schedule(text: str) -> "LrContinuation":
    """Return the value of --lr-schedule.

    Raises:
        ConfigError: if there is no such continuation.
    """
    from genexplorer.session.steering import LR_CONTINUATIONS

    if text not in LR_CONTINUATIONS:
        raise ConfigError(f"--lr-schedule: there is no '{text}'", f"use {', '.join(LR_CONTINUATIONS)}")
    return text


def _print_settings(settings: "Sequence[SettableSetting]", as_json: bool) -> None:
    from genexplorer.session.steering import format_value

    if as_json:
        rows = [
            {
                "key": s.key,
                "value": s.value,
                "limits": s.limits,
                "unit": s.unit,
                "choices": s.choices,
                "locked": s.locked,
            }
            for s in settings
        ]
        output.print_stdout(json.dumps(rows, indent=2))
        return
    width = max(len(setting.key) for setting in settings)
    for setting in settings:
        allowed = setting.locked or ", ".join(setting.choices) or " ".join(filter(None, (setting.limits, setting.unit)))
        output.print_stdout(f"{setting.key:<{width}}  {format_value(setting.value):<10}  {allowed}".rstrip())
