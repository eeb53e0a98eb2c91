"""What can be trained on what: descriptors of families and data sets, torch-free, from here and from other packages.

Another package adds its own through the entry point groups `genexplorer.families` and `genexplorer.datasets`; each
entry names a `Family` or `DataSet` object in a module that does not import torch.
"""

import difflib
import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from trainers.errors import ConfigError
from trainers.theory import Theory

if TYPE_CHECKING:  # the list of runs asks for a kind of data, and need not wait for pydantic
    from pydantic import BaseModel

    from trainers.model_card import Capability

ImageShape = tuple[int, int, int]  # (C, H, W); (2, 1, 1) for points of the plane
DataKind = Literal["images", "points"]
T = TypeVar("T")


@dataclass(frozen=True)
class Preset:
    """A named starting point with the result that it is expected to reach.

    Args:
        layers: A nested mapping shaped like `RunConfig`, as in a TOML file.
        frozen: Settings that reproduce a publication and may not be changed: dotted prefixes such as "model", "optim".
        expected: "test ELBO −136.5 nats (EMA weights, dynamic binarization) after 40 epochs".
        minutes: Time on two cores of 2020s server hardware.
    """

    name: str
    family: str
    summary: str
    layers: Mapping[str, Any]
    expected: str
    minutes: float
    source: str = ""
    frozen: tuple[str, ...] = ()
    watch_for: str = ""  # where it goes wrong on purpose: what to look at, and why it happens


@dataclass(frozen=True)
class Family:
    """A family of models, described without torch."""

    name: str
    title: str
    options: "type[BaseModel]"
    build: str  # "trainers.families.vae.model:build", imported only where a model is made
    presets: tuple[Preset, ...]
    theory: Theory  # of the default options; `theory_for` knows better
    latent_shape: Callable[[Any, ImageShape], tuple[int, ...]]  # of the options
    parameter_count: Callable[[Any, ImageShape], int]  # by arithmetic, before anything is allocated
    capabilities: "Callable[[Any], dict[str, Capability]]"
    check: Callable[[Any, Any, ImageShape, DataKind], None]  # options against the data; raises ConfigError
    theory_for: Callable[[Any, DataKind], Theory] | None = None  # where the objective depends on them


@dataclass(frozen=True)
class DataSet:
    """A data set, described without torch. `load` and `peek` are "module:function" of the options.

    `load` returns `trainers.data.images.ImageData`, or, for the kind "points", `trainers.data.points.PointData`.
    """

    name: str
    title: str
    options: "type[BaseModel]"
    load: str  # options -> ImageData or PointData
    peek: str  # options -> ImageShape, from the headers alone
    aliases: tuple[str, ...] = field(default=())
    kind: DataKind = "images"


_FAMILIES = {
    "vae": "trainers.families.vae.spec:VAE",
    "gan": "trainers.families.gan.spec:GAN",
    "flow": "trainers.families.flow.spec:FLOW",
}
_TOYS = ("moons", "circles", "rings", "pinwheel", "checkerboard", "spirals", "eight-gaussians", "swiss-roll")
_IMAGES = {"mnist": "trainers.data.catalog:MNIST", "idx": "trainers.data.catalog:IDX_FOLDER"}
_POINTS = {name: f"trainers.data.toy.catalog:{name.upper().replace('-', '_')}" for name in _TOYS}


def resolve(target: str) -> Any:
    """Import "package.module:name" and return the object."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


@cache
def families() -> dict[str, Family]:
    """Return every family by name: ours first, then those of other packages."""
    return _collect(_FAMILIES.values(), "genexplorer.families", Family)


@cache
def datasets() -> dict[str, DataSet]:
    """Return every data set by name: ours first, then those of other packages."""
    return _collect((*_IMAGES.values(), *_POINTS.values()), "genexplorer.datasets", DataSet)


@cache
def presets() -> dict[str, Preset]:
    """Return every preset of every family by name."""
    return {preset.name: preset for family in families().values() for preset in family.presets}


def family(name: str) -> Family:
    """Return a family. One of ours is found without the others, and without a look at other packages.

    Raises:
        ConfigError: if no family has that name.
    """
    if name in _FAMILIES:
        ours: Family = resolve(_FAMILIES[name])
        return ours
    return _find(families(), name, "model.name", "family")


def dataset(name: str) -> DataSet:
    """Return a data set. One of ours is found without a look at other packages.

    Raises:
        ConfigError: if no data set has that name.
    """
    if name in _IMAGES or name in _POINTS:
        ours: DataSet = resolve(_IMAGES.get(name) or _POINTS[name])
        return ours
    return _find(datasets(), name, "data.name", "data set")


def data_kind(name: str) -> DataKind:
    """Return what a data set is made of; of ours without importing anything.

    Raises:
        ConfigError: if no data set has that name.
    """
    if name in _IMAGES:
        return "images"
    return "points" if name in _POINTS else dataset(name).kind


def theory(model: str, options: Any, data: str) -> Theory:
    """Return the theory of a model with its options (see `RunConfig.model_options`) on a data set.

    Raises:
        ConfigError: if there is no such family or data set.
    """
    found = family(model)
    return found.theory if found.theory_for is None else found.theory_for(options, dataset(data).kind)


def preset(name: str) -> Preset:
    """Return a preset; of ours, without a look at other packages.

    Raises:
        ConfigError: if no preset has that name.
    """
    for ours in map(family, _FAMILIES):
        for one in ours.presets:
            if one.name == name:
                return one
    return _find(presets(), name, "preset", "preset")


def _collect(ours: Iterable[str], group: str, kind: type[T]) -> dict[str, T]:
    found: dict[str, T] = {}
    for target in ours:
        descriptor = resolve(target)
        found[descriptor.name] = descriptor
    from importlib.metadata import entry_points  # itself slow to import, and seldom needed

    for entry in entry_points(group=group):
        descriptor = entry.load()
        if not isinstance(descriptor, kind):
            raise ConfigError(f"entry point '{entry.name}' of {group} is not a {kind.__name__}", f"see {entry.value}")
        found.setdefault(descriptor.name, descriptor)  # type: ignore[attr-defined]
    return found


def _find(known: Mapping[str, T], name: str, where: str, kind: str) -> T:
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"choose one of {', '.join(known)}"
    raise ConfigError(f"{where}: there is no {kind} '{name}'", hint)
