"""The compared networks and the contenders that train each: one comparison is one group of rows of the table."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Entrant:
    """A contender of a comparison.

    Args:
        name: Name in the table.
        target: "module:function" in `benchmarks.peers`.
        peer: Name of the environment that it needs; "" for this one.
        options: Options of the variant.
    """

    name: str
    target: str
    peer: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def precision(self) -> str:
        """Precision of its matrix products."""
        return str(self.options.get("precision", "float32"))


@dataclass(frozen=True)
class Aim:
    """The target of a ratio.

    Args:
        ours: Name of the entrant that should reach it.
        theirs: Names of the entrants to compare with; the fastest of them counts.
        ratio: Smallest ratio that reaches the target.
    """

    ours: str
    theirs: tuple[str, ...]
    ratio: float


@dataclass(frozen=True)
class Comparison:
    """A network, its contenders, and the targets of genexplorer; ratios are to the first entrant."""

    key: str
    title: str
    entrants: tuple[Entrant, ...]
    aims: tuple[Aim, ...] = ()


PLAIN, COMPILED, BF16, BOTH = "genexplorer", "genexplorer, compiled", "genexplorer, bf16", "genexplorer, bf16, compiled"
LAYOUTS = ("careful plain loop", "the same, channels-last", "the same, compiled")


def _ours(network: str) -> tuple[Entrant, ...]:
    """Return the four variants with which genexplorer trains a network."""
    variants = {
        PLAIN: {"compile": "off"},
        COMPILED: {"compile": "on"},
        BF16: {"compile": "off", "precision": "bfloat16"},
        BOTH: {"compile": "on", "precision": "bfloat16"},
    }
    return tuple(
        Entrant(name, "ours:training", options={"network": network, "precision": "float32", **variant})
        for name, variant in variants.items()
    )


def _layouts(target: str) -> tuple[Entrant, ...]:
    variants: tuple[dict[str, Any], ...] = ({}, {"channels_last": True}, {"compile": True})
    return tuple(Entrant(name, target, options=options) for name, options in zip(LAYOUTS, variants, strict=True))


def _convolutional(key: str, title: str, target: str) -> Comparison:
    aims = tuple(Aim(ours, LAYOUTS, 1.0) for ours in (PLAIN, COMPILED))
    return Comparison(key, title, (*_layouts(target), *_ours(key)), aims)


COMPARISONS = (
    Comparison(
        "vae",
        "VAE 784-400-20, batch 128",
        (
            Entrant("plain loop, image by image", "vae_loops:tutorial"),
            Entrant("pythae", "pythae_vae:train", "pythae"),
            Entrant("JAX, jit and scan", "jax_vae:train", "jax"),
            *_ours("vae"),
        ),
        (
            Aim(PLAIN, ("plain loop, image by image",), 2.4),
            Aim(COMPILED, ("plain loop, image by image",), 2.4),
            Aim(COMPILED, ("JAX, jit and scan",), 1.0),
        ),
    ),
    Comparison(
        "gan",
        "GAN of the UvA course, batch 64",
        (Entrant("plain loop, image by image", "gan_loops:tutorial"), *_ours("gan")),
        tuple(Aim(ours, ("plain loop, image by image",), 2.2) for ours in (PLAIN, COMPILED)),
    ),
    Comparison(
        "flow",
        "RealNVP of the UvA course, batch 128",
        (
            Entrant("zuko", "flow_loops:zuko", "zuko"),
            Entrant("plain loop, masks", "flow_loops:masked"),
            *_ours("flow"),
        ),
        (
            Aim(PLAIN, ("zuko",), 1.6),
            Aim(COMPILED, ("zuko",), 1.6),
            Aim(BF16, ("zuko",), 2.6),
            Aim(BOTH, ("zuko",), 2.6),
        ),
    ),
    _convolutional("conv-vae", "convolutional VAE 1-32-64, batch 128", "vae_loops:convolutional"),
    _convolutional("dcgan", "DCGAN 1-32-64, batch 64", "gan_loops:convolutional"),
    _convolutional("conv-flow", "convolutional RealNVP, three scales, batch 64", "conv_flow:convolutional"),
)
