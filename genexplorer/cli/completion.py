"""Shell completion of runs, presets, data sets and keys; a failure completes nothing rather than print an error."""

from collections import Counter
from collections.abc import Callable
from functools import wraps

import typer

Completions = list[tuple[str, str]]


def _suppress_errors(
    function: Callable[[typer.Context, str], Completions],
) -> Callable[[typer.Context, str], Completions]:
    @wraps(function)
    def complete(ctx: typer.Context, incomplete: str) -> Completions:
        try:
            return [(value, text) for value, text in function(ctx, incomplete) if value.startswith(incomplete)]
        except Exception:
            return []

    return complete


def one_of(*values: str) -> Callable[[typer.Context, str], Completions]:
    """Complete one of a few fixed values."""
    return _suppress_errors(lambda ctx, incomplete: [(value, "") for value in values])


@_suppress_errors
def states(ctx: typer.Context, incomplete: str) -> Completions:
    """Complete the states of runs, and 'active'."""
    from genexplorer.runs.record import State

    return [("active", "any with a worker"), *((state.value, "") for state in State)]


@_suppress_errors
def runs(ctx: typer.Context, incomplete: str) -> Completions:
    """Complete names of runs, ids if typed or needed, and 'latest'."""
    from genexplorer import paths
    from genexplorer.runs.command_hints import is_plain
    from genexplorer.runs.store import RunStore

    runs_dir = ctx.params.get("runs_dir") or ctx.find_root().params.get("runs_dir")
    statuses = RunStore(paths.runs_dir(runs_dir)).list()
    counts = Counter(selector for status in statuses for selector in {status.name, status.id})
    completions = [
        (status.name if counts[status.name] == 1 and is_plain(status.name) else status.id, str(status.state))
        for status in statuses
    ]
    completions += [(status.id, f"{status.state} {status.name}") for status in statuses if incomplete]
    return [*dict(completions).items(), ("latest", "the newest run")] if statuses else []


@_suppress_errors
def presets(ctx: typer.Context, incomplete: str) -> Completions:
    """Complete presets, with their summaries."""
    from trainers import registry

    return [(preset.name, preset.summary) for preset in registry.presets().values()]


@_suppress_errors
def data_sets(ctx: typer.Context, incomplete: str) -> Completions:
    """Complete names of data sets."""
    from genexplorer.session import known_data

    return [(each.name, each.title) for each in known_data.known_data(with_sizes=False)]


@_suppress_errors
def names(ctx: typer.Context, incomplete: str) -> Completions:
    """Complete names of data that were added."""
    from trainers.data import data_names

    return [(name, str(settings.get("path", ""))) for name, settings in data_names.read_all().items()]


@_suppress_errors
def downloads(ctx: typer.Context, incomplete: str) -> Completions:
    """Complete names of data sets that can be downloaded."""
    from trainers.data.downloads import catalog

    return [(name, download.title) for name, download in catalog.DOWNLOADS.items()]


@_suppress_errors
def keys(ctx: typer.Context, incomplete: str) -> Completions:
    """Complete `key=` for each setting of the preset on the command line, else of all presets."""
    from trainers import presets as assembling
    from trainers import registry

    preset = ctx.params.get("preset")
    names = [preset] if preset in registry.presets() else list(registry.presets())
    configs = [assembling.assemble(name) for name in names]
    return [(f"{key}=", "") for key in dict.fromkeys(key for c in configs for key in assembling.known_keys(c))]
