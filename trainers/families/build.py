"""Build a family's model."""

from typing import Any

from trainers import registry
from trainers.errors import ConfigError
from trainers.families.interface import PROTOCOLS, Model
from trainers.registry import Family, ImageShape


def build(family: Family, options: Any, image_shape: ImageShape) -> Model:
    """Return a model with weights from torch's global generator, which the caller seeds.

    Raises:
        ConfigError: if memory does not suffice, or if the model lacks a capability that its family declares.
    """
    try:
        model: Model = registry.resolve(family.build)(options, image_shape)
    except RuntimeError as error:
        raise ConfigError(f"model: cannot be built ({str(error).splitlines()[0]})", "make it smaller") from None
    for name, capability in family.capabilities(options).items():
        protocol = PROTOCOLS.get(name, Model)
        if capability.available and not isinstance(model, protocol):
            raise ConfigError(
                f"model.name: family '{family.name}' declares the capability '{name}', but its model lacks it",
                f"implement the protocol {protocol.__name__} in {type(model).__name__}",
            )
    return model
