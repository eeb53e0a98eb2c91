"""Generative models to train, load and sample: the public API, see docs/api.md.

Names are imported when they are first used, so that `import trainers` is fast and needs no torch.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainers.api import load as load
    from trainers.api import make_plan as make_plan
    from trainers.api import train as train
    from trainers.config import RunConfig as RunConfig
    from trainers.data.arrays import save_images as save_images
    from trainers.errors import CheckpointError as CheckpointError
    from trainers.errors import ConfigError as ConfigError
    from trainers.errors import DataError as DataError
    from trainers.errors import UserError as UserError
    from trainers.events import CheckpointReady as CheckpointReady
    from trainers.events import Finished as Finished
    from trainers.events import ImagesReady as ImagesReady
    from trainers.events import Metrics as Metrics
    from trainers.events import SnapshotReady as SnapshotReady
    from trainers.events import Started as Started
    from trainers.families.interface import Model as Model
    from trainers.inference.trained_model import TrainedModel as TrainedModel
    from trainers.plan import Plan as Plan
    from trainers.registry import DataSet as DataSet
    from trainers.registry import Family as Family
    from trainers.registry import register_dataset as register_dataset
    from trainers.registry import register_family as register_family


_MODULES = {
    "trainers.api": ("load", "make_plan", "train"),
    "trainers.config": ("RunConfig",),
    "trainers.data.arrays": ("save_images",),
    "trainers.errors": ("CheckpointError", "ConfigError", "DataError", "UserError"),
    "trainers.events": ("CheckpointReady", "Finished", "ImagesReady", "Metrics", "SnapshotReady", "Started"),
    "trainers.families.interface": ("Model",),
    "trainers.inference.trained_model": ("TrainedModel",),
    "trainers.plan": ("Plan",),
    "trainers.registry": ("DataSet", "Family", "register_dataset", "register_family"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}
__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'trainers' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
