"""Train, watch and explore generative models. The names below are the public API, see docs/api.md.

They are imported when they are first used, so that `import genexplorer` is fast and needs no torch.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genexplorer.api import Run as Run
    from genexplorer.api import list_runs as list_runs
    from genexplorer.api import open as open  # noqa: A004
    from genexplorer.api import train as train

__version__ = "0.1.0"
__all__ = ["Run", "__version__", "list_runs", "open", "train"]


def foreign_trainers() -> str:
    """Return the place of a package 'trainers' that hides the one of genexplorer; empty if there is none."""
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec("trainers")
    places = [Path(place).resolve() for place in (spec.submodule_search_locations or ())] if spec else []
    own = Path(__file__).resolve().parent.parent / "trainers"
    if spec is None or own in places or not own.is_dir():
        return ""
    return str(places[0]) if places else str(spec.origin)


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'genexplorer' has no attribute '{name}'")
    from importlib import import_module

    if place := foreign_trainers():
        raise ImportError(f"{place} hides the package 'trainers' of genexplorer; rename it, or change PYTHONPATH")
    return getattr(import_module("genexplorer.api"), name)
