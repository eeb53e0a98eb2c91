"""Helpers to declare a family's metrics, once per split and kind of weights."""

from trainers.events import Better, MetricSpec

WEIGHTS = {"ema": "EMA weights", "raw": "raw weights"}


def train_metric(quantity: str, title: str, unit: str, better: Better, panel: str, setup: str) -> MetricSpec:
    """Return the declaration of `train/QUANTITY`."""
    return MetricSpec(f"train/{quantity}", quantity, f"train {title}", unit, better, panel, setup)


def eval_metrics(
    quantity: str, title: str, unit: str, better: Better, panel: str, setup: str
) -> tuple[MetricSpec, ...]:
    """Return the declarations of `test/QUANTITY_ema` and `test/QUANTITY_raw`."""
    return tuple(
        MetricSpec(f"test/{quantity}_{key}", quantity, f"{title} ({weights})", unit, better, panel, setup)
        for key, weights in WEIGHTS.items()
    )
