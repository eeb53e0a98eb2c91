"""Which layers a model's plane has, and which of them are shown. No Qt."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from genexplorer.session.observable import Observable
from trainers.model_card import ModelCard

Heat = Literal["none", "model", "truth", "difference", "critic"]
HEATS: tuple[Heat, ...] = ("none", "model", "truth", "difference", "critic")
HEAT_NAMES: dict[Heat, str] = {
    "none": "none",
    "model": "log p",
    "truth": "truth",
    "difference": "difference",
    "critic": "D(x)",
}


@dataclass(frozen=True)
class LayerKind:
    """A layer that can be switched.

    Args:
        name: Within the tab.
        label: Beside its switch.
        key: That switches it.
        tip: What it is.
        usual: Whether it is shown at first.
    """

    name: str
    label: str
    key: str
    tip: str
    usual: bool = True


LAYERS = (
    LayerKind("data", "data", "O", "Points of the test set"),
    LayerKind("classes", "colored by class", "C", "Data in the colors of their classes, samples in one", usual=False),
    LayerKind("samples", "samples", "G", "Generated points, of the same z at every snapshot"),
    LayerKind("arrows", "gradients", "A", "Where each generated point would go to please the discriminator"),
    LayerKind("grid", "base grid", "B", "The grid of the base distribution, pushed through the flow"),
    LayerKind("lines", "reconstructions", "X", "From test points to their reconstructions"),
    LayerKind(
        "latent", "latent plane", "Z", "The latent plane beside the data; the mouse in one shows its place in both"
    ),
)


def layers_of(card: ModelCard) -> tuple[LayerKind, ...]:
    """Return the layers that exist for a model, by what it can do."""
    can = {name: card.capability(name).available for name in ("sample", "decode", "encode", "trace", "critic")}
    plane = tuple(card.latent_shape) == (2,)
    exists = {
        "data": True,
        "classes": card.data.num_classes > 1,
        "samples": can["sample"],
        "arrows": can["critic"],
        "grid": can["trace"] and plane,
        "lines": can["encode"] and not can["trace"],
        "latent": can["decode"] and plane,
    }
    return tuple(layer for layer in LAYERS if exists[layer.name])


def heats_of(card: ModelCard, *, truth: bool = True) -> tuple[Heat, ...]:
    """Return the heat maps that exist for a model; `truth` False where the true density is known not to be known."""
    model, critic = card.capability("log_prob").available, card.capability("critic").available
    exists = {"none": True, "model": model, "truth": truth, "difference": model and truth, "critic": critic}
    return tuple(heat for heat in HEATS if exists[heat])


class LayersState(Observable):
    """The switches; every change tells the listeners. What a model lacks keeps its switch for the next one."""

    def __init__(self) -> None:
        super().__init__()
        self.layers: tuple[LayerKind, ...] = ()
        self.heats: tuple[Heat, ...] = ("none",)
        self._on = {layer.name: layer.usual for layer in LAYERS}
        self._heat: Heat | None = None  # None: the best there is

    def set_card(self, card: ModelCard, *, truth: bool = True) -> None:
        """Take what a model can do."""
        layers, heats = layers_of(card), heats_of(card, truth=truth)
        if (layers, heats) != (self.layers, self.heats):
            self.layers, self.heats = layers, heats
            self.notify()

    @property
    def heat(self) -> Heat:
        """Return the heat map that is shown."""
        best: tuple[Heat, ...] = ("critic", "model", "truth")
        if self._heat is not None and self._heat in self.heats:
            return self._heat
        return next((heat for heat in best if heat in self.heats), "none")

    def shows(self, name: str) -> bool:
        """Whether a layer exists and is switched on."""
        return self._on[name] and any(layer.name == name for layer in self.layers)

    def switch(self, name: str, on: bool | None = None) -> None:
        """Show or hide a layer; None turns it over."""
        on = not self._on[name] if on is None else on
        if on != self._on[name]:
            self._on[name] = on
            self.notify()

    def set_heat(self, heat: Heat) -> None:
        """Show another heat map."""
        if heat in self.heats and heat != self._heat:
            self._heat = heat
            self.notify()

    def next_heat(self) -> None:
        """Show the next of the heat maps that exist."""
        self.set_heat(self.heats[(self.heats.index(self.heat) + 1) % len(self.heats)])

    def by_key(self, key: str) -> LayerKind | None:
        """Return the layer that a key switches."""
        return next((layer for layer in self.layers if layer.key == key), None)

    def to_json(self) -> dict[str, Any]:
        """Return what is remembered."""
        return {"on": dict(self._on), "heat": self._heat}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what is sound of what `to_json` returned."""
        on, heat = state.get("on"), state.get("heat")
        if isinstance(on, Mapping):
            self._on |= {name: on[name] for name in self._on if isinstance(on.get(name), bool)}
        self._heat = next((known for known in HEATS if known == heat), None)
        self.notify()
