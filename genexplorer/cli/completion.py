"""What the shell offers on Tab: runs, presets, data sets, keys. A failure offers nothing rather than an error."""

from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

import typer

from genexplorer.cli import output

Offer = list[tuple[str, str]]


def _quietly(function: Callable[[typer.Context, str], Offer]) -> Callable[[typer.Context, str], Offer]:
    @wraps(function)
    def offer(ctx: typer.Context, incomplete: str) -> Offer:
        try:
            return [(value, text) for value, text in function(ctx, incomplete) if value.startswith(incomplete)]
        except Exception:
            return []

    return offer


def one_of(*values: str) -> Callable[[typer.Context, str], Offer]:
    """Return what offers a few fixed words."""
    return _quietly(lambda ctx, incomplete: [(value, "") for value in values])


@_quietly
def states(ctx: typer.Context, incomplete: str) -> Offer:
    """Offer the states of runs, and 'live'."""
    from genexplorer.runs.record import State

    return [("live", "any that has a worker"), *((state.value, "") for state in State)]


@_quietly
def runs(ctx: typer.Context, incomplete: str) -> Offer:
    """Offer the names of runs, their ids where these are begun or needed, and 'latest'."""
    from genexplorer import paths
    from genexplorer.runs.store import RunStore

    given = ctx.params.get("runs_dir") or ctx.find_root().params.get("runs_dir")
    found = RunStore(paths.runs_dir(given)).list()
    times = Counter(status.name for status in found)
    offer = [
        (output.handle(status.name, status.id) if times[status.name] == 1 else status.id, str(status.state))
        for status in found
    ]
    offer += [(status.id, f"{status.state} {status.name}") for status in found if incomplete]
    return [*dict(offer).items(), ("latest", "the newest run")] if found else []


@_quietly
def presets(ctx: typer.Context, incomplete: str) -> Offer:
    """Offer the presets with their summaries."""
    from trainers import registry

    return [(preset.name, preset.summary) for preset in registry.presets().values()]


@_quietly
def data_sets(ctx: typer.Context, incomplete: str) -> Offer:
    """Offer the names of data sets."""
    from trainers import registry

    return [(dataset.name, dataset.title) for dataset in registry.datasets().values()]


@_quietly
def keys(ctx: typer.Context, incomplete: str) -> Offer:
    """Offer `key=` for each setting of the preset that was typed, else of every preset."""
    from trainers import presets as assembling
    from trainers import registry

    typed = ctx.params.get("preset")
    names = [typed] if typed in registry.presets() else list(registry.presets())
    found: dict[str, Any] = {}
    for name in names:
        for key in assembling.known_keys(assembling.assemble(name)):
            found.setdefault(f"{key}=", "")
    return list(found.items())
