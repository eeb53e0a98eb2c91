"""Selects among recorded images: their kinds, the image of a step, a few spread over the training. No Qt."""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence

from genexplorer.runs.artifacts.retention import select_for_removal
from genexplorer.runs.record import ImageRef
from genexplorer.session import charts
from genexplorer.session.charts import Chart

# In order of display: the name and what the images of a kind have in common.
IMAGE_KINDS: dict[str, tuple[str, str]] = {
    "samples": ("Samples", "the same latents at every step"),
    "manifold": ("Manifold", "the same plane of latents at every step"),
    "reconstructions": ("Reconstructions", "the same test images at every step"),
    "density": ("Density", "the model's density at every step"),
    "trace": ("Trace", "the same test images at every layer of the flow"),
}
_LOG_ORIGIN_STEP = 50  # thumbnails are spread over log(step + 50): little changes before this step
_DISCRIMINATOR_QUANTITY = "real_logits"


def kinds(pictures: Mapping[str, Sequence[ImageRef]]) -> list[str]:
    """Return the kinds with images, the known kinds first."""
    recorded = [kind for kind, refs in pictures.items() if refs]
    return [kind for kind in IMAGE_KINDS if kind in recorded] + sorted(
        kind for kind in recorded if kind not in IMAGE_KINDS
    )


def kind_title(kind: str) -> str:
    """Return the display name of a kind."""
    return IMAGE_KINDS.get(kind, (kind.replace("_", " ").capitalize(), ""))[0]


def kind_description(kind: str, data_kind: str) -> str:
    """Return the description of a kind: the latents or inputs that its images share, and for points their colors."""
    description = IMAGE_KINDS.get(kind, ("", "recorded through training"))[1]
    return f"{description}; blue: samples, gray: data" if (kind, data_kind) == ("samples", "points") else description


def ref_at_step(refs: Sequence[ImageRef], step: int | None) -> ImageRef | None:
    """Return the newest image at or before a step, or the first if all are later; None without images."""
    if not refs:
        return None
    if step is None:
        return refs[-1]
    return refs[max(0, bisect_right([ref.step for ref in refs], step) - 1)]


def spread_over_time(refs: Sequence[ImageRef], count: int) -> list[ImageRef]:
    """Return at most `count` images, evenly spaced on a logarithmic step axis, including the first and the last."""
    dropped = set(select_for_removal({ref.step: 1 for ref in refs}, math.inf, count, recent=1, origin=_LOG_ORIGIN_STEP))
    return [ref for ref in refs if ref.step not in dropped]


def charts_beside(all_charts: Sequence[Chart], objective_quantity: str) -> list[Chart]:
    """Return the two charts shown beside the images: the objective, and the discriminator or another one.

    Args:
        all_charts: The charts of the run, in order.
        objective_quantity: The quantity that is the family's objective.
    """
    if not all_charts:
        return []
    first = charts.chart_of(all_charts, objective_quantity) or all_charts[0]
    second = charts.chart_of(all_charts, _DISCRIMINATOR_QUANTITY) or next(
        (chart for chart in all_charts if chart is not first), None
    )
    return [first] if second is None or second is first else [first, second]
