"""Small flows of every kind, and data for them."""

from typing import Any

import torch
from torch import Tensor

from trainers import presets, registry
from trainers.families.flow.model import Flow
from trainers.families.flow.spec import FlowOptions

Shape = tuple[int, int, int]
POINT: Shape = (2, 1, 1)
_SMALL: dict[str, Any] = {
    "couplings": 3,
    "hidden": [9],
    "channels": [6, 5],
    "blocks": 1,
    "bins": 5,
    "noise_couplings": 2,
    "noise_width": 7,
}
_CONV: dict[str, Any] = {"architecture": "conv", "log_scale": "scaled-tanh"}
IMAGES: dict[str, dict[str, Any]] = {
    "affine": {},
    "affine, free": {"log_scale": "free", "mixing": "stretch"},
    "spline": {"coupling": "spline", "bound": 8, "mixing": "stretch"},
    "conv": _CONV,
    "conv, spline": {**_CONV, "coupling": "spline", "alpha": 0.05},
    "variational": {"dequantization": "variational"},
    "conv, variational": {**_CONV, "dequantization": "variational", "alpha": 0.05},
}
POINTS: dict[str, dict[str, Any]] = {
    "points, affine": {"dequantization": "none"},
    "points, spline": {"dequantization": "none", "coupling": "spline", "mixing": "lu"},
}
VARIANTS = {**IMAGES, **POINTS}
PRESETS = [name for name, preset in registry.presets().items() if preset.family == "flow"]


def options(name: str, **given: Any) -> FlowOptions:
    """Small options of a variant, or a preset's own."""
    if name in PRESETS:
        return FlowOptions.model_validate(presets.assemble(name).model_options().model_dump())
    return FlowOptions.model_validate({**_SMALL, **VARIANTS[name], **given})


def fresh(given: FlowOptions, shape: Shape, seed: int = 0) -> Flow:
    """A flow with seeded weights, as it starts."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Flow(given, shape)


def stirred(flow: Flow, amount: float = 0.1) -> Flow:
    """The same in double precision, with weights that are nothing special."""
    generator = torch.Generator().manual_seed(2)
    flow = flow.double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(amount * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype))
    return flow


def shape_of(name: str, image: Shape = (1, 4, 3)) -> Shape:
    """The shape of a variant's data."""
    return POINT if options(name).dequantization == "none" else image


def data(name: str, shape: Shape, count: int = 4) -> Tensor:
    """Images level/255 with both ends of the gray scale, or points, in double precision."""
    generator = torch.Generator().manual_seed(3)
    if options(name).dequantization == "none":
        return torch.randn((count, *shape), generator=generator, dtype=torch.float64)
    levels = torch.randint(0, 256, (count, *shape), generator=generator)
    levels.view(count, -1)[0, :2] = torch.tensor([0, 255])
    return levels.double() / 255


def sample_noise(flow: Flow, x: Tensor, seed: int = 4) -> Tensor | None:
    """Seeded noise for images x."""
    return flow.sample_noise(x, torch.Generator().manual_seed(seed))
