"""The layers that a model has in the Density tab, and which are switched on. No Qt."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from genexplorer.session.observable import Observable
from trainers.model_card import ModelCard

HeatMapKind = Literal["none", "model", "truth", "difference", "critic"]
HEAT_MAP_KINDS: tuple[HeatMapKind, ...] = ("none", "model", "truth", "difference", "critic")


@dataclass(frozen=True)
class LayerSpec:
    """A layer that can be switched on and off: its names, its key and its first state."""

    name: str  # names it within the tab, and in the saved state
    label: str  # the text of its check box
    key: str  # the letter that toggles it
    tooltip: str
    is_default: bool = True  # whether it is switched on until the user changes it


LAYERS = (
    LayerSpec("data", "data", "O", "Points of the test set"),
    LayerSpec("classes", "colored by class", "C", "Data in the colors of their classes", is_default=False),
    LayerSpec("samples", "samples", "G", "Generated points, from the same z at every snapshot"),
    LayerSpec("arrows", "gradients", "A", "The gradient of the discriminator at each generated point"),
    LayerSpec("grid", "base grid", "B", "A grid of the base distribution after the flow"),
    LayerSpec("lines", "reconstructions", "X", "From test points to their reconstructions"),
    LayerSpec("latent", "latent plane", "Z", "The latent plane beside the data; the mouse links both"),
)


def layers_of(card: ModelCard) -> tuple[LayerSpec, ...]:
    """Return the layers of a model, by its capabilities."""
    is_available = {name: card.capability(name).available for name in ("sample", "decode", "encode", "trace", "critic")}
    plane = tuple(card.latent_shape) == (2,)
    available = {
        "data": True,
        "classes": card.data.num_classes > 1,
        "samples": is_available["sample"],
        "arrows": is_available["critic"],
        "grid": is_available["trace"] and plane,
        "lines": is_available["encode"] and not is_available["trace"],
        "latent": is_available["decode"] and plane,
    }
    return tuple(layer for layer in LAYERS if available[layer.name])


def heat_map_kinds_of(card: ModelCard, *, truth_is_known: bool = True) -> tuple[HeatMapKind, ...]:
    """Return the kinds of heat maps that a model has; those of the true density where it may be known."""
    model, critic = card.capability("log_prob").available, card.capability("critic").available
    available = {
        "none": True,
        "model": model,
        "truth": truth_is_known,
        "difference": model and truth_is_known,
        "critic": critic,
    }
    return tuple(heat_map_kind for heat_map_kind in HEAT_MAP_KINDS if available[heat_map_kind])


class LayersState(Observable):
    """Which layers are switched on, and which heat map is selected; a layer that a model lacks keeps its switch."""

    def __init__(self) -> None:
        super().__init__()
        self.layers: tuple[LayerSpec, ...] = ()
        self.heat_map_kinds: tuple[HeatMapKind, ...] = ("none",)
        self._on = {layer.name: layer.is_default for layer in LAYERS}
        self._chosen_kind: HeatMapKind | None = None  # None selects the best heat map that the model has

    def set_card(self, card: ModelCard, *, truth_is_known: bool = True) -> None:
        """Use the layers of a model."""
        layers, heat_map_kinds = layers_of(card), heat_map_kinds_of(card, truth_is_known=truth_is_known)
        if (layers, heat_map_kinds) != (self.layers, self.heat_map_kinds):
            self.layers, self.heat_map_kinds = layers, heat_map_kinds
            self.notify()

    @property
    def heat_map_kind(self) -> HeatMapKind:
        """The kind of the displayed heat map: the selected one, or the best that the model has."""
        best: tuple[HeatMapKind, ...] = ("critic", "model", "truth")
        if self._chosen_kind is not None and self._chosen_kind in self.heat_map_kinds:
            return self._chosen_kind
        return next((heat_map_kind for heat_map_kind in best if heat_map_kind in self.heat_map_kinds), "none")

    def shows(self, name: str) -> bool:
        """Return whether the model has a layer and it is switched on."""
        return self._on[name] and any(layer.name == name for layer in self.layers)

    def switch(self, name: str, on: bool | None = None) -> None:
        """Switch a layer on or off, or toggle it."""
        on = not self._on[name] if on is None else on
        if on != self._on[name]:
            self._on[name] = on
            self.notify()

    def set_heat_map_kind(self, heat_map_kind: HeatMapKind) -> None:
        """Select a heat map."""
        if heat_map_kind in self.heat_map_kinds and heat_map_kind != self._chosen_kind:
            self._chosen_kind = heat_map_kind
            self.notify()

    def next_heat_map(self) -> None:
        """Select the next heat map."""
        self.set_heat_map_kind(
            self.heat_map_kinds[(self.heat_map_kinds.index(self.heat_map_kind) + 1) % len(self.heat_map_kinds)]
        )

    def to_json(self) -> dict[str, Any]:
        """Return the values that are saved until the next start."""
        return {"on": dict(self._on), "heat": self._chosen_kind}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the values of `to_json`; invalid ones are ignored."""
        on, heat_map_kind = state.get("on"), state.get("heat")
        if isinstance(on, Mapping):
            self._on |= {name: on[name] for name in self._on if isinstance(on.get(name), bool)}
        self._chosen_kind = next((kind for kind in HEAT_MAP_KINDS if kind == heat_map_kind), None)
        self.notify()
