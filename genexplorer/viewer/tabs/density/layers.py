"""The layers that a model has in the Density tab, and which are switched on. No Qt."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from genexplorer.session.observable import Observable
from trainers.model_card import ModelCard

HeatKind = Literal["none", "model", "truth", "difference", "critic"]
HEAT_KINDS: tuple[HeatKind, ...] = ("none", "model", "truth", "difference", "critic")


@dataclass(frozen=True)
class LayerKind:
    """A layer that can be switched on and off."""

    name: str  # within the tab, and in saved view states
    label: str  # of its check box
    key: str  # toggles it
    tooltip: str
    is_default: bool = True  # whether it is on at first


LAYERS = (
    LayerKind("data", "data", "O", "Points of the test set"),
    LayerKind("classes", "colored by class", "C", "Data in the colors of their classes", is_default=False),
    LayerKind("samples", "samples", "G", "Generated points, from the same z at every snapshot"),
    LayerKind("arrows", "gradients", "A", "The gradient of the discriminator at each generated point"),
    LayerKind("grid", "base grid", "B", "A grid of the base distribution after the flow"),
    LayerKind("lines", "reconstructions", "X", "From test points to their reconstructions"),
    LayerKind("latent", "latent plane", "Z", "The latent plane beside the data; the mouse links both"),
)


def layers_of(card: ModelCard) -> tuple[LayerKind, ...]:
    """Return the layers of a model, by its capabilities."""
    has = {name: card.capability(name).available for name in ("sample", "decode", "encode", "trace", "critic")}
    plane = tuple(card.latent_shape) == (2,)
    available = {
        "data": True,
        "classes": card.data.num_classes > 1,
        "samples": has["sample"],
        "arrows": has["critic"],
        "grid": has["trace"] and plane,
        "lines": has["encode"] and not has["trace"],
        "latent": has["decode"] and plane,
    }
    return tuple(layer for layer in LAYERS if available[layer.name])


def heat_kinds_of(card: ModelCard, *, truth: bool = True) -> tuple[HeatKind, ...]:
    """Return the heat maps of a model; `truth` is whether the true density may be known."""
    model, critic = card.capability("log_prob").available, card.capability("critic").available
    available = {"none": True, "model": model, "truth": truth, "difference": model and truth, "critic": critic}
    return tuple(heat for heat in HEAT_KINDS if available[heat])


class LayersState(Observable):
    """The switches, with listeners. The switch of a layer that a model lacks is unchanged for the next model."""

    def __init__(self) -> None:
        super().__init__()
        self.layers: tuple[LayerKind, ...] = ()
        self.heats: tuple[HeatKind, ...] = ("none",)
        self._on = {layer.name: layer.is_default for layer in LAYERS}
        self._heat: HeatKind | None = None  # None: the best available

    def set_card(self, card: ModelCard, *, truth: bool = True) -> None:
        """Use the layers of a model."""
        layers, heats = layers_of(card), heat_kinds_of(card, truth=truth)
        if (layers, heats) != (self.layers, self.heats):
            self.layers, self.heats = layers, heats
            self.notify()

    @property
    def heat(self) -> HeatKind:
        """The selected heat map."""
        best: tuple[HeatKind, ...] = ("critic", "model", "truth")
        if self._heat is not None and self._heat in self.heats:
            return self._heat
        return next((heat for heat in best if heat in self.heats), "none")

    def shows(self, name: str) -> bool:
        """Return whether the model has a layer and it is switched on."""
        return self._on[name] and any(layer.name == name for layer in self.layers)

    def switch(self, name: str, on: bool | None = None) -> None:
        """Switch a layer on or off, or toggle it."""
        on = not self._on[name] if on is None else on
        if on != self._on[name]:
            self._on[name] = on
            self.notify()

    def set_heat(self, heat: HeatKind) -> None:
        """Select a heat map."""
        if heat in self.heats and heat != self._heat:
            self._heat = heat
            self.notify()

    def next_heat(self) -> None:
        """Select the next heat map."""
        self.set_heat(self.heats[(self.heats.index(self.heat) + 1) % len(self.heats)])

    def to_json(self) -> dict[str, Any]:
        """Return the values that are saved until the next start."""
        return {"on": dict(self._on), "heat": self._heat}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the values of `to_json`; invalid ones are ignored."""
        on, heat = state.get("on"), state.get("heat")
        if isinstance(on, Mapping):
            self._on |= {name: on[name] for name in self._on if isinstance(on.get(name), bool)}
        self._heat = next((kind for kind in HEAT_KINDS if kind == heat), None)
        self.notify()
