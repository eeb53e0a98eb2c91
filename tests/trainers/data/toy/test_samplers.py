"""The toy data sets: samples agree with their true densities."""

import math
from functools import cache

import numpy as np
import pytest

from trainers import presets, registry
from trainers.data.catalog import NoisyOptions
from trainers.data.dataset import PointData
from trainers.data.toy import densities, samplers
from trainers.errors import ConfigError

NAMES = sorted(name for name, spec in registry.datasets().items() if spec.kind == "points" and not spec.reads_path)
SMOOTH = [name for name in NAMES if name != "checkerboard"]


@cache
def loaded(name: str, **changes: float) -> PointData:
    source = registry.dataset(name)
    options = source.options.model_validate({"num_train": 40_000, "num_test": 4_000, **changes})
    data: PointData = registry.import_object(source.load)(options)
    return data


def log_density(name: str, points: np.ndarray) -> np.ndarray:
    truth = loaded(name).truth
    assert truth is not None
    return truth.log_prob(points)


@cache
def grid(side: int) -> tuple[np.ndarray, float]:
    """Centers of cells over [−6, 6]², and the area of one."""
    edge = (np.arange(side) + 0.5) / side * 12 - 6
    return np.stack(np.meshgrid(edge, edge), axis=-1).reshape(-1, 2), (12 / side) ** 2


@cache
def on_grid(name: str) -> np.ndarray:
    return log_density(name, grid(240)[0])


def test_there_are_eight() -> None:
    expected = "checkerboard circles eight-gaussians moons pinwheel rings spirals swiss-roll"
    assert " ".join(NAMES) == expected


@pytest.mark.parametrize("name", NAMES)
def test_points_are_within_the_bounds_and_labeled(name: str) -> None:
    data = loaded(name)
    x0, x1, y0, y1 = data.bounds
    inside = (data.train >= (x0, y0)).all(1) & (data.train <= (x1, y1)).all(1)
    assert inside.mean() >= 0.999
    assert data.train.shape == (40_000, 2) and data.test.shape == (4_000, 2) and data.train.dtype == np.float32
    assert data.train_labels is not None and len(data.train_labels) == 40_000
    assert data.num_classes == {"checkerboard": 8, "eight-gaussians": 8, "pinwheel": 5}.get(name, data.num_classes) >= 2
    assert 2.5 < np.abs(data.train).max() < 6


@pytest.mark.parametrize("name", NAMES)
def test_the_points_are_the_same_every_time_and_the_splits_differ(name: str) -> None:
    data = loaded(name)
    fewer = loaded(name, num_train=100)
    assert np.array_equal(fewer.test, data.test)
    assert not np.array_equal(fewer.train, data.test[:100])


@pytest.mark.parametrize("name", NAMES)
def test_the_true_density_integrates_to_one(name: str) -> None:
    _, area = grid(240)
    assert np.exp(on_grid(name)).sum() * area == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("name", NAMES)
def test_the_mean_log_density_of_the_points_is_minus_the_entropy(name: str) -> None:
    _, area = grid(240)
    logs = on_grid(name)
    mass = np.exp(logs) * area
    entropy = -float((mass * np.where(mass > 0, logs, 0)).sum())
    log_probs = log_density(name, loaded(name).test)
    assert log_probs.mean() == pytest.approx(-entropy, abs=5 * log_probs.std() / math.sqrt(len(log_probs)) + 2e-3)


@pytest.mark.parametrize("name", NAMES)
def test_the_points_are_distributed_as_the_density(name: str) -> None:
    """Pearson's statistic over cells of 0.5: its mean is the number of cells, its deviation about √(2 cells)."""
    _, area = grid(240)
    mass = (np.exp(on_grid(name)) * area).reshape(24, 10, 24, 10).sum((1, 3))
    x, y = loaded(name).train.T
    counts, _, _ = np.histogram2d(y, x, bins=24, range=((-6, 6), (-6, 6)))
    expected = mass * len(loaded(name).train)
    cells = expected > 5
    statistic = (np.square(counts - expected)[cells] / expected[cells]).sum()
    assert statistic < cells.sum() + 6 * math.sqrt(2 * cells.sum())


@pytest.mark.parametrize("name", SMOOTH)
def test_noise_widens_the_density(name: str) -> None:
    narrow, wide = (loaded(name, noise=noise, num_test=1000) for noise in (0.05, 0.2))
    assert narrow.truth is not None and wide.truth is not None
    assert narrow.truth.log_prob(narrow.test).mean() > wide.truth.log_prob(wide.test).mean() + 0.5


def test_a_quadrature_along_a_circle_agrees_with_the_bessel_function() -> None:
    def circle(t: np.ndarray) -> np.ndarray:
        return 3 * np.stack((np.cos(2 * np.pi * t), np.sin(2 * np.pi * t)), axis=1)

    points = np.random.default_rng(0).uniform(-4, 4, (500, 2))
    by_quadrature = densities.noisy_curve(circle, np.ones_like, 0.3).log_prob(points)
    assert by_quadrature == pytest.approx(densities.NoisyCircles((3.0,), 0.3).log_prob(points), abs=1e-5)


@pytest.mark.parametrize("name", ["moons", "spirals", "swiss-roll"])
def test_a_finer_quadrature_changes_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    coarse = log_density(name, loaded(name).test[:300])
    monkeypatch.setattr(densities, "_PANEL_STDS", 0.5)
    finer = loaded.__wrapped__(name).truth
    assert finer is not None and finer.log_prob(loaded(name).test[:300]) == pytest.approx(coarse, abs=1e-5)


def test_the_bessel_function_is_continuous() -> None:
    below, above = densities.i0e(np.array([49.999999, 50.000001]))
    assert below == pytest.approx(above, rel=1e-7) and densities.i0e(np.array([0.0])) == 1
    assert np.isfinite(densities.i0e(np.array([1e8]))).all()


def test_only_separate_modes_are_modes() -> None:
    modes = loaded("eight-gaussians").truth
    assert modes is not None and modes.modes is not None and modes.modes.shape == (8, 2) and modes.mode_std == 0.2
    truths = [loaded(name).truth for name in NAMES if name != "eight-gaussians"]
    assert all(truth is not None and truth.modes is None and truth.mode_std == 0 for truth in truths)


def test_light_squares_have_no_density() -> None:
    inside, outside = log_density("checkerboard", np.array([[1.0, 1.0], [1.0, -1.0]]))
    assert inside == pytest.approx(-math.log(32)) and outside == -math.inf


def test_noise_out_of_range_is_rejected() -> None:
    with pytest.raises(ConfigError, match=r"data\.noise"):
        presets.assemble("vae", {"data": {"name": "moons", "noise": 0}})


def test_a_single_point_and_an_empty_query_work() -> None:
    data = samplers.moons(NoisyOptions(num_train=1, num_test=1))
    assert data.train.shape == (1, 2) and data.truth is not None
    assert data.truth.log_prob(np.empty((0, 2))).shape == (0,)
