"""Figures of any model of points: how far its samples are from the data, and its density from the true one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trainers.data.points import PointData
from trainers.events import Better, MetricSpec
from trainers.families.interface import Evaluator, Model
from trainers.model_card import Capability

NUM_SAMPLES = 2500  # as many as VEEGAN draws; the first so many test points are what they are compared with
HIGH_QUALITY_STDS = 3.0
COVERED_SHARE = 0.01  # of the samples; a fair share of eight modes is 0.125
_EXACTLY = "donot_use_mm_for_euclid_dist"  # products of matrices cancel for points that lie close together
_WEIGHTS = {"ema": "EMA weights", "raw": "raw weights"}


@dataclass(frozen=True)
class Reference:
    """What the models of one training are judged against.

    Args:
        test: Test points, (R, 2).
        log_true: Their true log-density, (R,), in nats; None where it or the model's is not known.
        modes: Centers of the modes, (K, 2); None where there are no separate ones.
        mode_std: The standard deviation of each.
        how: How the model knows its log-density.
    """

    test: Tensor
    log_true: Tensor | None
    modes: Tensor | None
    mode_std: float
    how: str

    @classmethod
    def of(cls, data: PointData, capabilities: Mapping[str, Capability]) -> "Reference":
        """Return what is known of a data set, as far as a model with these capabilities can be held against it."""
        log_prob, truth = capabilities.get("log_prob"), data.truth
        test = data.test[:NUM_SAMPLES]
        modes = truth.modes if truth is not None else None
        comparable = truth is not None and log_prob is not None and log_prob.available
        return cls(
            test=torch.from_numpy(np.array(test)),
            log_true=torch.from_numpy(truth.log_prob(test)) if comparable and truth is not None else None,
            modes=None if modes is None else torch.from_numpy(modes).float(),
            mode_std=truth.mode_std if truth is not None else 0.0,
            how=log_prob.how if log_prob is not None else "",
        )

    def specs(self) -> tuple[MetricSpec, ...]:
        """Return the metrics that `PointsEvaluator` records, by weights."""
        return tuple(
            MetricSpec(f"test/{quantity}_{weights}", quantity, f"{title} ({words})", unit, better, panel, setup)
            for weights, words in _WEIGHTS.items()
            for quantity, title, unit, better, panel, setup in self._described()
        )

    def _described(self) -> list[tuple[str, str, str, Better, str, str]]:
        count = f"{NUM_SAMPLES:,} samples"
        against = f"{count}, first {len(self.test):,} test points"
        found: list[tuple[str, str, str, Better, str, str]] = [
            ("energy_distance", "energy distance of samples and data", "", "lower", "samples", against)
        ]
        if self.modes is not None:
            near = f"within {HIGH_QUALITY_STDS:.0f} standard deviations of the nearest mode"
            covered = f"modes with {COVERED_SHARE:.0%} of {count} {near} or more"
            title = f"modes covered of {len(self.modes)}"
            found.append(("modes_covered", title, "", "higher", "samples", covered))
            found.append(
                ("high_quality", "share of samples of high quality", "", "higher", "samples", f"{near}, {count}")
            )
        if self.log_true is not None:
            setup = f"mean of log p_true − log p_model ({self.how}), first {len(self.test):,} test points"
            found.append(("gap", "gap to the true density", "nats", "lower", "density", setup))
        return found


class PointsEvaluator(Evaluator):
    """Accumulates the gap to the true density, and draws samples at the end.

    Args:
        model: With the weights to judge.
        reference: Of its training.
        seed: Of the latents: the same samples' latents at every evaluation.
    """

    def __init__(self, model: Model, reference: Reference, seed: int) -> None:
        self._model = model
        self._reference = reference
        self._generator = torch.Generator().manual_seed(seed)
        self._device = torch.device("cpu")
        self._log_model: list[Tensor] = []

    @torch.inference_mode()
    def add(self, x: Tensor, start: int) -> None:
        """Take in test points, (B, 2, 1, 1)."""
        self._device = x.device
        wanted = x[: max(0, len(self._reference.test) - start)]
        if self._reference.log_true is not None and len(wanted):
            self._log_model.append(self._model.log_prob(wanted).cpu().double())

    @torch.inference_mode()
    def result(self) -> dict[str, float]:
        """Return energy_distance, and modes_covered, high_quality and gap where they are known."""
        z = torch.randn((NUM_SAMPLES, *self._model.latent_shape), generator=self._generator)
        samples = self._model.decode(z.to(self._device)).flatten(1).cpu()
        figures = {"energy_distance": energy_distance(samples, self._reference.test)}
        if self._reference.modes is not None:
            figures |= mode_figures(samples, self._reference.modes, self._reference.mode_std)
        if self._reference.log_true is not None:
            figures["gap"] = float((self._reference.log_true - torch.cat(self._log_model)).mean())
        return figures


def energy_distance(first: Tensor, second: Tensor) -> float:
    """Return 2 E‖X − Y‖ − E‖X − X'‖ − E‖Y − Y'‖ of two sets of points, (N, 2) and (M, 2): 0 only for equal ones.

    Each expectation is over all pairs, so that sets of N points of one distribution are about E‖X − X'‖ · 2/N apart.

    Reference: Székely & Rizzo 2013, eq. 2.1 and 5.3, "Energy statistics".
    """
    between = float(torch.cdist(first, second, compute_mode=_EXACTLY).double().mean())
    within = [2 * float(torch.pdist(points).double().sum()) / len(points) ** 2 for points in (first, second)]
    return 2 * between - sum(within)


def mode_figures(samples: Tensor, modes: Tensor, std: float) -> dict[str, float]:
    """Return how many modes are covered, and the share of samples of high quality.

    A sample is of high quality within three standard deviations of the nearest mode, in each direction of the plane;
    98.9 % of true points are. A mode is covered when 1 % of the samples are such samples of it (VEEGAN asks for one).

    Reference: Srivastava et al. 2017, section 4.1, arXiv:1705.07761.

    Args:
        samples: (N, 2).
        modes: (K, 2).
        std: Of each mode.
    """
    distance, nearest = torch.cdist(samples, modes).min(1)
    good = distance <= HIGH_QUALITY_STDS * std
    counts = torch.bincount(nearest[good], minlength=len(modes))
    covered = int((counts >= COVERED_SHARE * len(samples)).sum())
    return {"modes_covered": float(covered), "high_quality": float(good.float().mean())}
