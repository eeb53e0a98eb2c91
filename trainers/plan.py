"""A plan: a run configuration with its names looked up and its options checked against the data.

A process resolves a configuration once and hands the plan down. The plan is not stored; `config.json` holds the
`RunConfig`, from which any process can resolve it again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from trainers import presets, registry
from trainers.config import RunConfig, parse_section
from trainers.errors import ConfigError
from trainers.model_card import Capability, available, unavailable
from trainers.registry import DataKind, DataSet, Family, ImageShape
from trainers.theory import Theory

MAX_PARAMETERS = 500_000_000  # 2 GB of float32, before Adam's two moments
_ONLY_FOR_IMAGES = unavailable("the data are 2-D points; see Density")
_DENSITY_MAP = available("a map of the 2-D density")
_ONLY_FOR_POINTS = unavailable("images have too many dimensions for a density map; train on 2-D data for one")


@dataclass(frozen=True)
class Plan:
    """A validated run configuration and the objects that it names.

    Args:
        config: The configuration, every option filled in.
        family: The model's family.
        model_options: The model's options, as `family.options`.
        dataset: The data set's descriptor; its images are not loaded.
        data_options: The data set's options, as `dataset.options`.
        image_shape: (C, H, W) of one image; (2, 1, 1) for 2-D points.
        notes: Lines about settings that follow from the data, as `trainers.presets.Assembly.notes`.
    """

    config: RunConfig
    family: Family
    model_options: Any
    dataset: DataSet
    data_options: Any
    image_shape: ImageShape
    notes: tuple[str, ...] = ()

    @property
    def binarization(self) -> str:
        """The binarization of the images; "none" for gray levels and points."""
        return str(getattr(self.data_options, "binarization", "none"))

    def capabilities(self) -> dict[str, Capability]:
        """Return the capabilities of the model on this data."""
        return capabilities(self.family, self.model_options, self.image_shape, self.dataset.kind)

    def theory(self) -> Theory:
        """Return the explanation of the objective of this model on this data."""
        return self.family.theory_for(self.model_options, self.dataset.kind)

    def num_parameters(self) -> int:
        """Return the number of parameters; imports torch unless the family counts them by arithmetic.

        Raises:
            ConfigError: if there are more than `MAX_PARAMETERS`.
        """
        count = registry.parameter_count(self.family, self.model_options, self.image_shape)
        if not isinstance(count, int) or count < 0:
            message = f"model.name: parameter_count of family '{self.family.name}' returns {count!r}"
            raise ConfigError(message, "return a number, or leave it out")
        _refuse_oversized(count)
        return count

    def with_settings(self, values: Mapping[str, object]) -> "Plan":
        """Return a plan with settings changed, as `trainers.presets.with_settings` changes them.

        Raises:
            ConfigError: if there is no such setting, or a value is not allowed.
        """
        config = presets.with_settings(self.config, values)
        return resolve(config, family=self.family, dataset=self.dataset, image_shape=self.image_shape)


def resolve(
    config: RunConfig,
    *,
    family: Family | None = None,
    dataset: DataSet | None = None,
    image_shape: ImageShape | None = None,
) -> Plan:
    """Look up the names in a configuration and check its options; of the data only the headers are read.

    Args:
        config: Configuration from `trainers.presets.assemble`, or read from a run folder.
        family: Overrides the registered family of that name.
        dataset: Overrides the registered data set of that name.
        image_shape: Where it is known, as from a model card. Data files are then not read, and options are not checked
            against them.

    Raises:
        ConfigError: if an option is unknown, out of range, contradicts another or the data, or the model is too large.
        DataError: if the data cannot be read.
    """
    # Look up the names and fill in the options.
    family = family or registry.family(config.model.name)
    dataset = dataset or registry.dataset(config.data.name)
    model_options = parse_section(family.options, config.model.options, "model")
    data_options = parse_section(dataset.options, config.data.options, "data")
    config = config.with_options(model_options, data_options)
    plan = Plan(config, family, model_options, dataset, data_options, image_shape or (0, 0, 0))
    # Check the options against the data.
    if image_shape is None:
        plan = replace(plan, image_shape=registry.import_object(dataset.peek)(data_options))
        _check_shape(dataset, plan.image_shape)
        family.check(model_options, data_options, plan.image_shape, dataset.kind)
        # The exact count needs torch and is left to the worker. Two successive widths multiplied are a lower bound.
        widths = [value for _, value in model_options if isinstance(value, tuple)]
        pairs = [pair for values in widths for pair in pairwise(values) if all(isinstance(w, int) for w in pair)]
        _refuse_oversized(max((a * b for a, b in pairs), default=0))
    return plan


def capabilities(family: Family, options: Any, shape: ImageShape, kind: DataKind) -> dict[str, Capability]:
    """Return every capability of a model of a family, trained on data of that shape and kind.

    The family declares `sample`, `decode`, `encode`, `invert`, `log_prob`, `trace`, `critic` and `manifold`; `plane`
    and `density` follow from the latent's size and the data's kind. A family can declare `plane` as unavailable.
    """
    own = family.capabilities(options)
    if kind == "points":
        return {**own, "manifold": _ONLY_FOR_IMAGES, "plane": _ONLY_FOR_IMAGES, "density": _DENSITY_MAP}
    (size,) = family.latent_shape(options, shape)
    plane = available(f"a plane through {size} dimensions") if size > 2 else unavailable("the latent is 2-D already")
    if "plane" in own and not own["plane"].available:  # as of one whose `decode` is too slow for grids
        plane = own["plane"]
    return {**own, "plane": plane, "density": _ONLY_FOR_POINTS}


def _check_shape(dataset: DataSet, shape: ImageShape) -> None:
    where = f"data.name: data set '{dataset.name}'"
    if dataset.kind == "points" and tuple(shape) != (2, 1, 1):
        hint = "only points in two dimensions, of the shape (2, 1, 1), can be trained on and drawn"
        raise ConfigError(f"{where} has points of shape {tuple(shape)}", hint)
    is_valid = len(shape) == 3 and min(shape) > 0 and shape[0] in (1, 3)
    if dataset.kind == "images" and not is_valid:
        hint = "its peek returns (C, H, W) with C = 1 or 3"
        raise ConfigError(f"{where} has images of shape {tuple(shape)}", hint)


def _refuse_oversized(num_parameters: int) -> None:
    if num_parameters > MAX_PARAMETERS:
        message = f"model: {num_parameters:,} parameters or more, at most {MAX_PARAMETERS:,} are allowed"
        raise ConfigError(message, "use a smaller model")
