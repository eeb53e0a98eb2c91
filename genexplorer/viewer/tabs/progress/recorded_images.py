"""Which recorded pictures are shown: the kinds there are, the one of a time, a few spread over all. No Qt."""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence

from genexplorer.runs.artifacts.retention import to_remove
from genexplorer.runs.record import PictureRef
from genexplorer.session import charts
from genexplorer.session.charts import Chart

# In the order of the switch, with what the pictures of a kind have in common.
KINDS: dict[str, tuple[str, str]] = {
    "samples": ("Samples", "the same latents at every step"),
    "manifold": ("Manifold", "the same plane of latents at every step"),
    "reconstructions": ("Reconstructions", "the same test images at every step"),
    "density": ("Density", "the model's density at every step"),
    "trace": ("Trace", "the same test images on their way to z"),
}
_FIRST_NEWS = 50  # steps before which little is to be seen
_OF_THE_CRITIC = "real_logits"


def kinds(pictures: Mapping[str, Sequence[PictureRef]]) -> list[str]:
    """Return the recorded kinds that hold a picture: those that are known first."""
    there = [kind for kind, refs in pictures.items() if refs]
    return [kind for kind in KINDS if kind in there] + sorted(kind for kind in there if kind not in KINDS)


def name_of(kind: str) -> str:
    """Return what a kind is called on its switch."""
    return KINDS.get(kind, (kind.replace("_", " ").capitalize(), ""))[0]


def told_of(kind: str) -> str:
    """Return what the pictures of a kind have in common."""
    return KINDS.get(kind, ("", "recorded through training"))[1]


def at(refs: Sequence[PictureRef], step: int | None) -> PictureRef | None:
    """Return the newest picture at or before a step, the first where all are later; None where there is none."""
    if not refs:
        return None
    if step is None:
        return refs[-1]
    return refs[max(0, bisect_right([ref.step for ref in refs], step) - 1)]


def spread(refs: Sequence[PictureRef], count: int) -> list[PictureRef]:
    """Return at most `count` pictures, evenly on a logarithmic axis of steps, the first and the last among them."""
    dropped = set(to_remove({ref.step: 1 for ref in refs}, math.inf, count, recent=1, origin=_FIRST_NEWS))
    return [ref for ref in refs if ref.step not in dropped]


def beside(known: Sequence[Chart], total: str) -> list[Chart]:
    """Return the two charts that tell most beside the pictures.

    Args:
        known: All charts of the run, in their order.
        total: The quantity of the family's objective.
    """
    if not known:
        return []
    first = charts.chart_of(known, total) or known[0]
    second = charts.chart_of(known, _OF_THE_CRITIC) or next((chart for chart in known if chart is not first), None)
    return [first] if second is None or second is first else [first, second]
