"""Families and data sets by name, described without torch.

`register_family` and `register_dataset` add to them in one process. An installed package adds its own for every process
through the entry point groups `genexplorer.families` and `genexplorer.datasets`; each entry names a `Family` or
`DataSet` object in a module that does not import torch. A plug-in that cannot be loaded, or whose names are taken, is
left out and listed by `plugin_failures`; everything else works.
"""

import difflib
import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from trainers import arguments
from trainers.data_traits import DataDefault as DataDefault
from trainers.data_traits import DataDefaults as DataDefaults
from trainers.data_traits import DataDescription as DataDescription
from trainers.data_traits import DataKind as DataKind
from trainers.data_traits import DataTraits as DataTraits
from trainers.data_traits import ImageShape as ImageShape
from trainers.errors import ConfigError
from trainers.theory import Theory

if TYPE_CHECKING:  # listing runs needs `data_kind` alone, and should not import pydantic
    from pydantic import BaseModel

    from trainers.model_card import Capability

SCHEMA_VERSION = 1  # of stored configurations; older ones are read, newer ones refused
DEFAULT_DATA_SET = "mnist"  # of a preset that names none
T = TypeVar("T")


@dataclass(frozen=True)
class Preset:
    """A named starting point with its expected result.

    Args:
        settings: A nested mapping shaped like `RunConfig`, as in a TOML file.
        family: Name of the family; `Family` fills it in.
        publication: What the preset reproduces: "UvA Deep Learning 2019, assignment 3, part 1".
        frozen: Settings that reproduce a publication and may not be changed: dotted prefixes such as "model", "optim".
        expected: "test ELBO −136.5 nats (EMA weights, dynamic binarization) after 40 epochs".
        minutes: Time on two cores of 2020s server hardware.
    """

    name: str
    summary: str
    settings: Mapping[str, Any]
    expected: str
    minutes: float
    family: str = ""
    publication: str = ""
    frozen: tuple[str, ...] = ()
    expected_failure: str = ""  # of a preset that fails on purpose: what to watch, and why it happens

    @property
    def dataset_name(self) -> str:
        """The name of the preset's own data set."""
        section = self.settings.get("data", {})
        return section if isinstance(section, str) else str(section.get("name", DEFAULT_DATA_SET))

    def is_frozen(self, path: str) -> bool:
        """Return whether a setting, by its dotted key, may not be changed."""
        return any(path == prefix or path.startswith(prefix + ".") for prefix in self.frozen)


def _sample_and_decode(options: Any) -> "dict[str, Capability]":
    from trainers.model_card import available  # imports pydantic

    return {"sample": available("z from N(0, I), then decode"), "decode": available("decoder")}


@dataclass(frozen=True)
class PluginFailure:
    """An installed plug-in that is left out in whole or in part, and why.

    Args:
        plugin: "plug-in 'my-model' of my-package".
        reason: One line.
        names: Names by which somebody may request what is left out.
    """

    plugin: str
    reason: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.plugin} is left out: {self.reason}"


@dataclass(frozen=True)
class Family:
    """A family of models, described without torch. The first three arguments are enough to train and sample.

    Args:
        name: Name in configurations: "vae".
        options: The pydantic model of its options, a `trainers.config.Section`.
        build: "module:function" or a function of (options, image shape) that returns a `Model`. It must also work under
            `torch.device("meta")` unless `parameter_count` is given.
        title: Name in front ends: "variational autoencoder"; `name` by default.
        presets: Starting points, the usual one first.
        theory: The objective, or a function of (options, kind of data) that returns it; by default the loss alone.
        latent_shape: Function of (options, image shape) that returns the shape of a latent; (options.latent_dim,) by
            default.
        capabilities: Function of the options that returns the capabilities; by default sample and decode, which every
            `Model` has.
        check: Raises ConfigError where (options, data options, image shape, kind of data) do not go together.
        data_defaults: Function of (settings, explicit keys, traits of the data) that returns settings which suit the
            data better than those of the preset. `settings` are all values by dotted key, `explicit` the keys that
            a layer sets, which are never changed; the traits are None for the preset's own data set.
        parameter_count: The number of parameters by arithmetic; by default they are counted on torch's meta device.
    """

    name: str
    options: "type[BaseModel]"
    build: str | Callable[[Any, ImageShape], Any]
    title: str = ""
    presets: tuple[Preset, ...] = ()
    theory: Theory | Callable[[Any, DataKind], Theory] = field(default_factory=Theory)
    latent_shape: Callable[[Any, ImageShape], tuple[int, ...]] = lambda options, shape: (options.latent_dim,)
    capabilities: "Callable[[Any], dict[str, Capability]]" = _sample_and_decode
    check: Callable[[Any, Any, ImageShape, DataKind], None] = lambda options, data_options, shape, kind: None
    data_defaults: Callable[[Mapping[str, Any], frozenset[str], DataTraits | None], DataDefaults] = (
        lambda settings, explicit, traits: {}
    )
    parameter_count: Callable[[Any, ImageShape], int] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", self.title or self.name)
        presets = tuple(replace(preset, family=self.name) for preset in self.presets)
        object.__setattr__(self, "presets", presets)

    def theory_for(self, options: Any, kind: DataKind) -> Theory:
        """Return the objective of a model with these options on that kind of data."""
        return self.theory if isinstance(self.theory, Theory) else self.theory(options, kind)


@dataclass(frozen=True)
class DataSet:
    """A data set, described without torch.

    Args:
        name: Name in configurations: "mnist".
        title: Name in front ends.
        options: The pydantic model of its options.
        load: "module:function" or a function of the options that returns `trainers.data.dataset.ImageData`, or, for the
            kind "points", `trainers.data.dataset.PointData`.
        peek: Function of the options, or its name, that returns the shape of an image, from the headers alone.
        aliases: Other names that `--data` accepts.
        kind: "images", or "points" for 2-D points.
        count: Function of the options, or its name, that returns the number of training images, from the headers
            alone, or None; by default the option `num_train`, if there is one.
        traits: Function of the options, or its name, that returns `DataTraits`; by default the shape and kind alone.
        prepare: Function of (options, progress), or its name, that makes a cache which `load` needs, and returns a line
            about what was left out, or ""; progress is called with the numbers of files done and of all files.
        describe: Function of the options, or its name, that returns a `DataDescription`: what was found and left out.
        location: Names of the options that say where the data are. Another place does not inherit them.
    """

    name: str
    title: str
    options: "type[BaseModel]"
    load: str | Callable[[Any], Any]
    peek: str | Callable[[Any], ImageShape]
    aliases: tuple[str, ...] = field(default=())
    kind: DataKind = "images"
    count: str | Callable[[Any], int | None] | None = None
    traits: str | Callable[[Any], DataTraits] | None = None
    prepare: str | Callable[[Any, Callable[[int, int], None]], str] | None = None
    describe: "str | Callable[[Any], DataDescription] | None" = None
    location: tuple[str, ...] = ()

    @property
    def reads_path(self) -> bool:
        """True if the data are in a folder or file that the option `path` names."""
        return "path" in self.options.model_fields

    def num_train(self, options: Any) -> int | None:
        """Return the number of training images; None if it is unknown."""
        if self.count is None:
            return getattr(options, "num_train", None)
        count: int | None = import_object(self.count)(options)
        return count

    def read_traits(self, options: Any) -> DataTraits:
        """Return the properties on which settings of a model depend, from headers and a few examples.

        Raises:
            DataError: if the data cannot be read.
        """
        if self.traits is None:
            return DataTraits(import_object(self.peek)(options), self.kind)
        traits: DataTraits = import_object(self.traits)(options)
        return traits


_FAMILIES = {
    "vae": "trainers.families.vae.spec:VAE",
    "gan": "trainers.families.gan.spec:GAN",
    "flow": "trainers.families.flow.spec:FLOW",
}
_POINT_DATASET_NAMES = "moons circles rings pinwheel checkerboard spirals eight-gaussians swiss-roll"
_IMAGE_DATASETS = {
    "mnist": "trainers.data.catalog:MNIST",
    "images": "trainers.data.image_files.spec:IMAGES",
    "arrays-file": "trainers.data.array_files:IMAGE_ARRAYS",
    "idx": "trainers.data.catalog:IDX_FOLDER",
}
_POINT_DATASETS = {
    **{name: f"trainers.data.catalog:{name.upper().replace('-', '_')}" for name in _POINT_DATASET_NAMES.split()},
    "points-file": "trainers.data.array_files:POINT_ARRAYS",
}

PLUGIN_GROUPS = "genexplorer.families", "genexplorer.datasets"  # of entry points

_registered_families: dict[str, Family] = {}  # by `register_family`, in this process
_registered_datasets: dict[str, DataSet] = {}
_failures: dict[str, tuple[PluginFailure, ...]] = {"families": (), "datasets": (), "presets": ()}


def register_family(spec: Family, *, replace: bool = False) -> None:
    """Make a family known in this process, without an installed package.

    Raises:
        ConfigError: if its name or that of one of its presets is taken.
    """
    arguments.instance("spec", spec, Family, "a trainers.Family")
    _check_name("family", spec.name, spec.name in families(), replace=replace and spec.name in _registered_families)
    for preset in spec.presets:
        other = presets().get(preset.name)
        if other is not None and other.family != spec.name:
            raise ConfigError(f"preset '{preset.name}' is already one of the family '{other.family}'", "rename it")
    _registered_families[spec.name] = spec
    clear_caches()


def register_dataset(spec: DataSet, *, replace: bool = False) -> None:
    """Make a data set known in this process, without an installed package.

    Raises:
        ConfigError: if its name is taken.
    """
    arguments.instance("spec", spec, DataSet, "a trainers.DataSet")
    _check_name("data set", spec.name, spec.name in datasets(), replace=replace and spec.name in _registered_datasets)
    _registered_datasets[spec.name] = spec
    clear_caches()


def is_builtin(spec: Family) -> bool:
    """Return whether a family is one of those that this package has."""
    return spec.name in _FAMILIES and import_object(_FAMILIES[spec.name]) is spec


def is_builtin_dataset(name: str) -> bool:
    """Return whether a data set is one of those that this package has; imports nothing."""
    return name in _IMAGE_DATASETS or name in _POINT_DATASETS


def registered_names() -> set[str]:
    """Return the names of families and data sets that only this process knows."""
    return {*_registered_families, *_registered_datasets}


def _check_name(kind: str, name: str, is_taken: bool, *, replace: bool) -> None:
    if is_taken and not replace:
        hint = "choose another name, or pass replace=True for your own"
        raise ConfigError(f"there is already a {kind} '{name}'", hint)


def import_object(path: str | Callable[..., Any]) -> Any:
    """Import "package.module:name" and return the object; a function is returned as it is."""
    if not isinstance(path, str):
        return path
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


@cache
def families() -> dict[str, Family]:
    """Return every family by name: built-in ones, registered ones, then those of installed packages."""
    specs, _failures["families"] = _collect(_FAMILIES.values(), _registered_families, PLUGIN_GROUPS[0], Family)
    return specs


@cache
def datasets() -> dict[str, DataSet]:
    """Return every data set by name: built-in ones, registered ones, then those of installed packages."""
    targets = (*_IMAGE_DATASETS.values(), *_POINT_DATASETS.values())
    specs, _failures["datasets"] = _collect(targets, _registered_datasets, PLUGIN_GROUPS[1], DataSet)
    return specs


@cache
def presets() -> dict[str, Preset]:
    """Return every preset of every family by name; those of plug-ins only if they are valid."""
    specs: dict[str, Preset] = {}
    failures = []
    for each in families().values():
        is_plugin = each.name not in _FAMILIES and each.name not in _registered_families
        for candidate in each.presets:
            reason = _preset_problem(candidate, specs) if is_plugin else ""
            if reason:
                plugin = f"preset '{candidate.name}' of the plug-in family '{each.name}'"
                failures.append(PluginFailure(plugin, reason, (candidate.name,)))
            else:
                specs[candidate.name] = candidate
    _failures["presets"] = tuple(failures)
    return specs


def plugin_failures() -> tuple[PluginFailure, ...]:
    """Return the installed plug-ins that are left out, in whole or in part."""
    datasets()
    presets()
    return tuple(failure for failures in _failures.values() for failure in failures)


def clear_caches() -> None:
    """Search again, after families or data sets were registered or installed."""
    for cached in (families, datasets, presets):
        cached.cache_clear()


def family(name: str) -> Family:
    """Return a family. A built-in one is found without importing any other or searching installed packages.

    Raises:
        ConfigError: if there is no such family.
    """
    if name in _FAMILIES:
        builtin: Family = import_object(_FAMILIES[name])
        return builtin
    return _find(families(), name, "model.name", "family")


def dataset(name: str) -> DataSet:
    """Return a data set. A built-in one is found without searching installed packages.

    Raises:
        ConfigError: if there is no such data set.
    """
    if is_builtin_dataset(name):
        builtin: DataSet = import_object(_IMAGE_DATASETS.get(name) or _POINT_DATASETS[name])
        return builtin
    return _find(datasets(), name, "data.name", "data set")


def data_kind(name: str) -> DataKind:
    """Return the kind of a data set; of a built-in one without importing anything.

    Raises:
        ConfigError: if there is no such data set.
    """
    if name in _IMAGE_DATASETS:
        return "images"
    return "points" if name in _POINT_DATASETS else dataset(name).kind


def parameter_count(spec: Family, options: Any, shape: ImageShape) -> int:
    """Return the number of parameters of a model, without allocating it.

    Families that do not count by arithmetic are built on torch's meta device.
    """
    if spec.parameter_count is not None:
        return spec.parameter_count(options, shape)
    number: int = import_object("trainers.families.nn:count_on_meta_device")(import_object(spec.build), options, shape)
    return number


def preset(name: str) -> Preset:
    """Return a preset; a built-in one without searching installed packages.

    Raises:
        ConfigError: if there is no such preset.
    """
    for builtin in map(family, _FAMILIES):
        for candidate in builtin.presets:
            if candidate.name == name:
                return candidate
    return _find(presets(), name, "preset", "preset")


def _preset_problem(preset: Preset, specs: Mapping[str, Preset]) -> str:
    """Return why a plug-in's preset cannot be offered; empty if it can."""
    if preset.name in specs:
        return f"the family '{specs[preset.name].family}' has a preset of that name; rename it"
    try:
        import_object("trainers.presets:parse_preset")(preset)
    except ConfigError as error:
        return str(error)
    except Exception as error:
        return _one_line(error)
    return ""


def _collect(
    builtin: Iterable[str], registered: Mapping[str, T], group: str, kind: type[T]
) -> tuple[dict[str, T], tuple[PluginFailure, ...]]:
    """Return the objects by name, and the plug-ins of an entry point group that are left out."""
    specs: dict[str, T] = {}
    origins: dict[str, str] = {}  # by name: whose it is
    noun = "family" if kind is Family else "data set"
    for target in builtin:
        spec = import_object(target)
        specs[spec.name], origins[spec.name] = spec, f"a built-in {noun}"
    specs |= registered
    origins |= dict.fromkeys(registered, f"a {noun} that this program registered")
    from importlib.metadata import entry_points  # itself slow to import, and seldom needed

    failures = []
    for entry in entry_points(group=group):
        plugin = f"plug-in '{entry.name}' of {entry.dist.name if entry.dist is not None else entry.module}"
        # Load it. Its module is foreign code, which may fail in any way.
        try:
            spec = entry.load()
        except (Exception, SystemExit) as error:
            reason = f"{entry.value} cannot be loaded ({_one_line(error)})"
            failures.append(PluginFailure(plugin, reason, (entry.name,)))
            continue
        name = getattr(spec, "name", None)
        if not isinstance(spec, kind) or not isinstance(name, str) or not name:
            reason = f"{entry.value} is not a {kind.__name__} with a name, but of type {type(spec).__name__}"
            failures.append(PluginFailure(plugin, reason, (entry.name,)))
        elif name not in specs:
            specs[name], origins[name] = spec, f"that of {plugin}"
        elif specs[name] is not spec:
            reason = f"'{name}' is already {origins[name]}; rename it"
            failures.append(PluginFailure(plugin, reason, (entry.name, name)))
    return specs, tuple(failures)


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _find(specs: Mapping[str, T], name: str, where: str, kind: str) -> T:
    if name in specs:
        return specs[name]
    # A plug-in that is left out may be the reason; one of another name only where no name is close.
    failures = plugin_failures()
    close = difflib.get_close_matches(name, specs, n=1)
    matching = [failure for failure in failures if name in failure.names]
    hint = f"did you mean '{close[0]}'?" if close else f"choose one of {', '.join(specs)}"
    if matching or (failures and not close):
        hint = str(matching[0]) if matching else f"{hint}; {failures[0]}"
    raise ConfigError(f"{where}: there is no {kind} '{name}'", hint)
