"""Metrics for any model of 2-D data: distance of its samples from the data, and of its density from the true one."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trainers.data.dataset import PointData
from trainers.events import MetricSpec, eval_metrics, standard_error_of
from trainers.families.interface import EstimatesLogProb, Evaluator, HasLogProb, Model, sample_points
from trainers.model_card import Capability
from trainers.numerics import rng

NUM_SAMPLES = 2500  # as in VEEGAN; compared with as many test points
HIGH_QUALITY_STDS = 3.0  # largest distance from the nearest mode, in its standard deviations
COVERED_FRACTION = 0.01  # fraction of the samples that covers a mode; each of eight modes would have 0.125
_CDIST_MODE = "donot_use_mm_for_euclid_dist"  # matrix products lose precision for nearby points


@dataclass(frozen=True)
class PointReference:
    """The reference that models of one data set are evaluated against.

    Args:
        test: Test points, (R, 2).
        log_true: True log-density of the test points in nats, (R,); None if it or that of the model is unknown.
        modes: Centers of the modes, (K, 2); None without separate modes.
        mode_std: Standard deviation of each mode.
        estimator: How the family computes log_prob, such as "exact".
        can_sample: Whether the model can sample.
    """

    test: Tensor
    log_true: Tensor | None
    modes: Tensor | None
    mode_std: float
    estimator: str
    can_sample: bool

    @classmethod
    def of(cls, data: PointData, capabilities: Mapping[str, Capability]) -> "PointReference":
        """Return the reference for a data set and for a model with these capabilities."""
        log_prob, truth = capabilities.get("log_prob"), data.truth
        test = data.test[:NUM_SAMPLES]
        modes = truth.modes if truth is not None else None
        has_both_densities = truth is not None and log_prob is not None and log_prob.available
        return cls(
            test=torch.from_numpy(np.array(test)),
            log_true=torch.from_numpy(truth.log_prob(test)) if has_both_densities and truth is not None else None,
            modes=None if modes is None else torch.from_numpy(modes).float(),
            mode_std=truth.mode_std if truth is not None else 0.0,
            estimator=log_prob.how if log_prob is not None else "",
            can_sample="sample" not in capabilities or capabilities["sample"].available,
        )

    def specs(self, model: Model) -> tuple[MetricSpec, ...]:
        """Return the specs of the metrics that `PointsEvaluator` records of a model, for EMA and raw weights."""
        # Of samples: their distance from the data, and the modes that they cover.
        specs: list[MetricSpec] = []
        has_noise = type(model).sample_points is not Model.sample_points  # earlier runs recorded those of the means
        count = f"{NUM_SAMPLES:,} samples{' of p(x|z)' if has_noise else ''}"
        test = f"first {len(self.test):,} test points"
        if self.can_sample:
            title = "energy distance of samples and data"
            specs += eval_metrics("energy_distance", title, "", "lower", "samples", f"{count}, {test}")
        if self.can_sample and self.modes is not None:
            near = f"within {HIGH_QUALITY_STDS:.0f} standard deviations of the nearest mode"
            covered = f"modes with {COVERED_FRACTION:.0%} of {count} {near} or more"
            title = f"modes covered of {len(self.modes)}"
            specs += eval_metrics("modes_covered", title, "", "higher", "samples", covered)
            title = "share of samples of high quality"
            specs += eval_metrics("high_quality", title, "", "higher", "samples", f"{near}, {count}")
        # Of the density.
        if self.log_true is not None:
            estimator = model.log_prob_estimator if isinstance(model, EstimatesLogProb) else self.estimator
            title, setup = "KL from the true density", f"mean of log p_true − log p_model ({estimator}), {test}"
            specs += eval_metrics("gap", title, "nats", "lower", "density", setup)
            title, setup = f"standard error of the {title}", f"of the mean over the {test}"
            specs += eval_metrics(standard_error_of("gap"), title, "nats", "lower", "density", setup)
        return tuple(specs)


class PointsEvaluator(Evaluator):
    """Accumulates log-density differences to the true density, and compares samples with the test points.

    Args:
        model: The model with the weights to evaluate.
        reference: Reference of its data set.
        seed: Seed of latents and noise, which are the same in every evaluation.
    """

    def __init__(self, model: Model, reference: PointReference, seed: int) -> None:
        self._model = model
        self._reference = reference
        self._generator = torch.Generator().manual_seed(seed)
        self._noise = rng.named_generator(seed, "noise of samples", torch.device("cpu"))
        self._log_prob_noise = rng.named_generator(seed, "noise of log p", torch.device("cpu"))
        self._device = torch.device("cpu")
        self._log_model: list[Tensor] = []

    @torch.inference_mode()
    def add(self, x: Tensor, start: int) -> None:
        """Add test points `start` to `start + B`, (B, 2, 1, 1)."""
        self._device = x.device
        x = x[: max(0, len(self._reference.test) - start)]
        if self._reference.log_true is not None and len(x):
            if isinstance(self._model, EstimatesLogProb):
                log_model = self._model.estimate_log_prob(x, self._log_prob_noise)
            else:
                assert isinstance(self._model, HasLogProb)
                log_model = self._model.log_prob(x)
            self._log_model.append(log_model.cpu().double())

    @torch.inference_mode()
    def result(self) -> dict[str, float]:
        """Return those of energy_distance, modes_covered, high_quality, gap and its standard error that are defined."""
        metrics: dict[str, float] = {}
        if self._reference.can_sample:
            z = torch.randn((NUM_SAMPLES, *self._model.latent_shape), generator=self._generator)
            samples = sample_points(self._model, z.to(self._device), self._noise).flatten(1).cpu()
            metrics["energy_distance"] = energy_distance(samples, self._reference.test)
            if self._reference.modes is not None:
                metrics |= mode_metrics(samples, self._reference.modes, self._reference.mode_std)
        if self._reference.log_true is not None:
            differences = self._reference.log_true - torch.cat(self._log_model)
            metrics["gap"] = float(differences.mean())
            if len(differences) > 1:
                metrics[standard_error_of("gap")] = float(differences.std()) / math.sqrt(len(differences))
        return metrics


def energy_distance(first: Tensor, second: Tensor) -> float:
    """Return 2 E‖X − Y‖ − E‖X − X'‖ − E‖Y − Y'‖ of two point sets, (N, 2) and (M, 2); 0 only for equal sets.

    Expectations are over all pairs, so two sets of N points of one distribution are about E‖X − X'‖ · 2/N apart.

    Reference: Székely & Rizzo 2013, eq. 2.1 and 5.3, "Energy statistics".
    """
    between = float(torch.cdist(first, second, compute_mode=_CDIST_MODE).double().mean())
    within = [2 * float(torch.pdist(points).double().sum()) / len(points) ** 2 for points in (first, second)]
    return 2 * between - sum(within)


def mode_metrics(samples: Tensor, modes: Tensor, std: float) -> dict[str, float]:
    """Return the number of covered modes and the fraction of high-quality samples.

    A sample is of high quality within three standard deviations of the nearest mode; 98.9 % of true points are. A mode
    is covered if 1 % of all samples are high-quality samples of it (VEEGAN requires a single one).

    Reference: Srivastava et al. 2017, section 4.1, arXiv:1705.07761.

    Args:
        samples: (N, 2).
        modes: (K, 2).
        std: Standard deviation of each mode.
    """
    distance, nearest = torch.cdist(samples, modes).min(1)
    is_high_quality = distance <= HIGH_QUALITY_STDS * std
    counts = torch.bincount(nearest[is_high_quality], minlength=len(modes))
    covered = int((counts >= COVERED_FRACTION * len(samples)).sum())
    return {"modes_covered": float(covered), "high_quality": float(is_high_quality.float().mean())}
