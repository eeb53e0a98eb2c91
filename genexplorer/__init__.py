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


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'genexplorer' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module("genexplorer.api"), name)
