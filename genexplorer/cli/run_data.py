"""The option --data of commands that read a run's data: where they are now."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from genexplorer.cli import completion, output
from genexplorer.cli.options import open_store

_OPTION = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="PATH",
        help="Where the run's data are now, if they moved; it is remembered.",
        autocompletion=completion.names,
    ),
]


def with_data_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option --data to a command whose parameter `run` or `names` selects runs."""
    parameters = list(inspect.signature(command, eval_str=True).parameters.values())
    option = inspect.Parameter("data", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=_OPTION)

    @wraps(command)
    def run(**values: Any) -> None:
        place = values.pop("data")
        if place is not None:
            selectors = values["names"] if "names" in values else [values["run"] or "latest"]
            _relocate(selectors or [], values["runs_dir"], place)
        command(**values)

    run.__signature__ = inspect.Signature([*parameters, option])  # type: ignore[attr-defined]
    return run


def _relocate(selectors: list[str], runs_dir: Any, place: str) -> None:
    from genexplorer.session import run_data

    store = open_store(runs_dir)
    for selector in selectors:
        with output.progress_bar("reading the data") as show_progress:
            message = run_data.relocate(store.find(selector), store.runs_dir, place, show_progress)
        output.print_stderr(message)
