"""Weights of another run that a new run starts from: copied into its folder, so that the other one is not needed."""

from dataclasses import dataclass
from pathlib import Path

from genexplorer.runs import layout, parent
from genexplorer.runs.record import Parent
from trainers.events import Arrays, InitialWeights
from trainers.model_card import ModelCard
from trainers.storage import checkpoint

_WEIGHT_NAMES = {"ema": "EMA weights", "raw": "raw weights"}


@dataclass(frozen=True)
class InitialSource:
    """The weights of a run at a step, read from a snapshot.

    Args:
        run_id: The id of the run.
        name: Its name.
        arrays: Weights and buffers by name.
        card: The snapshot's model card.
    """

    run_id: str
    name: str
    arrays: Arrays
    card: ModelCard

    @property
    def weights(self) -> InitialWeights:
        """The weights, with a text of what they are."""
        return _described(self.arrays, self.card, self.name)


def write(folder: Path, source: InitialSource) -> None:
    """Store the weights in the folder of a run that is being created, and where they are from.

    Raises:
        OSError: if the disk refuses.
    """
    card = source.card
    origin = Parent("init", source.run_id, source.name, card.step, weights="raw" if card.weights == "raw" else "ema")
    parent.write(folder, origin)
    checkpoint.save_snapshot(folder / layout.INITIAL, source.arrays, source.card)


def read(folder: Path) -> InitialWeights | None:
    """Return the weights that a run starts from; None if they are random.

    Raises:
        CheckpointError: if they are damaged.
    """
    if not (folder / layout.INITIAL).is_dir():
        return None
    arrays, card = checkpoint.load_snapshot(folder / layout.INITIAL)
    origin = parent.read(folder)
    return _described(arrays, card, origin.name if origin is not None else "another run")


def _described(arrays: Arrays, card: ModelCard, name: str) -> InitialWeights:
    return InitialWeights(arrays, f"the {_WEIGHT_NAMES.get(card.weights, 'weights')} of {name}, step {card.step:,}")
