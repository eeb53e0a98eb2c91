"""The state from which a branch of a training starts: a checkpoint or, with weights alone, a snapshot. No torch."""

from dataclasses import replace

from trainers.events import Arrays, ResumeState
from trainers.model_card import ModelCard

WEIGHTS_ONLY = "weights_only"  # in a checkpoint's meta data: optimizers and random numbers start anew


def from_checkpoint(state: ResumeState) -> ResumeState:
    """Return a checkpoint for a branch whose configuration includes the settings that had changed until then."""
    return replace(state, meta={**state.meta, "changes": []})


def from_snapshot(arrays: Arrays, card: ModelCard, elapsed_s: float) -> ResumeState:
    """Return a checkpoint that has only weights: raw and EMA weights are those of a snapshot.

    Args:
        arrays: Weights and buffers of the snapshot.
        card: Its model card.
        elapsed_s: Seconds of training up to it.
    """
    meta = {
        WEIGHTS_ONLY: True,
        "step": card.step,
        "images_seen": card.images_seen,
        "elapsed_s": elapsed_s,
        "changes": [],
        "evaluated_at": -1,
        "shown_at": card.step,
        "figures": dict(card.metrics),
        "data": card.data.model_dump(mode="json"),
    }
    return ResumeState(card.step, {f"raw/{name}": array for name, array in arrays.items()}, meta)
