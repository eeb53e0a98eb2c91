"""What the shell offers on Tab: runs, presets, data sets, keys. A failure offers nothing rather than an error."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import typer

Offer = list[tuple[str, str]]


def _quietly(function: Callable[[typer.Context, str], Offer]) -> Callable[[typer.Context, str], Offer]:
    @wraps(function)
    def offer(ctx: typer.Context, incomplete: str) -> Offer:
        try:
            return [(value, text) for value, text in function(ctx, incomplete) if value.startswith(incomplete)]
        except Exception:
            return []

    return offer


@_quietly
def runs(ctx: typer.Context, incomplete: str) -> Offer:
    """Offer the ids of runs, and 'latest'."""
    from genexplorer import paths
    from genexplorer.runs.store import RunStore

    given = ctx.params.get("runs_dir") or ctx.find_root().params.get("runs_dir")
    found = RunStore(paths.runs_dir(given)).list()
    offer = [(status.id, f"{status.state} {status.name}") for status in found]
    offer += [(status.name, f"{status.state} {status.id}") for status in found if incomplete and status.name]
    return [*offer, ("latest", "the newest run")] if found else []


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
