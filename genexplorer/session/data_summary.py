"""The content of a data set: counts by split and class, values, duplicates, skipped files, and the presets that fit."""

import hashlib
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genexplorer.runs.sanitize import one_line
from genexplorer.session.data_sheet import choose_examples
from trainers import plan, presets, registry
from trainers.config import parse_section
from trainers.data import loading
from trainers.data.dataset import ImageData, PointData
from trainers.data.fingerprint import fingerprint
from trainers.data_traits import DataDescription
from trainers.errors import UserError

if TYPE_CHECKING:
    from trainers.registry import DataSet

NUM_BINS = 16  # of the histogram of values
_MAX_HISTOGRAM_EXAMPLES = 20_000  # spread evenly over the training split
_MAX_LISTED_SKIPPED = 20
OnProgress = Callable[[float, str], None]


@dataclass(frozen=True)
class ClassCount:
    """One class and the numbers of its examples."""

    label: int
    name: str
    num_train: int
    num_test: int


@dataclass(frozen=True)
class Histogram:
    """How often values occur, in bins of equal width.

    Args:
        low: Lower edge of the first bin.
        high: Upper edge of the last bin.
        fractions: Of all values, by bin.
        num_examples: From how many training examples.
    """

    low: float
    high: float
    fractions: tuple[float, ...]
    num_examples: int


@dataclass(frozen=True)
class Duplicates:
    """Examples that are equal value by value.

    Args:
        num_test_in_train: Test examples that are in the training split as well.
        num_within_train: Training examples that repeat an earlier one.
    """

    num_test_in_train: int
    num_within_train: int


@dataclass(frozen=True)
class DataSummary:
    """The content of a data set."""

    name: str  # as the user gave it, or the path
    title: str  # of the format
    settings: Mapping[str, Any]
    kind: str
    shape: tuple[int, int, int]
    num_train: int
    num_test: int
    classes: tuple[ClassCount, ...]
    value_range: tuple[float, float]
    histogram: Histogram
    duplicates: Duplicates
    notes: tuple[str, ...]
    num_skipped: int
    skipped: tuple[str, ...]
    other_files: tuple[tuple[str, int], ...]
    fingerprint: str
    presets: tuple[tuple[str, str], ...] = ()  # that fit, each with the command that trains it


def load(settings: Mapping[str, Any], on_progress: OnProgress) -> tuple["DataSet", Any, ImageData | PointData]:
    """Return the data set of a section "data", its options, and its data.

    Raises:
        ConfigError: if an option is wrong.
        DataError: if the data cannot be read.
    """
    spec = registry.dataset(settings["name"])
    options = parse_section(spec.options, {key: value for key, value in settings.items() if key != "name"}, "data")
    if spec.prepare is not None:
        registry.import_object(spec.prepare)(
            options, lambda done, total: on_progress(done / total, f"{done:,} of {total:,} files")
        )
    return spec, options, loading.load(spec, options)


def summarize(
    name: str, spec: "DataSet", options: Any, data: ImageData | PointData, settings: Mapping[str, Any]
) -> DataSummary:
    """Return the content of a data set that is loaded; the presets that fit are left out.

    Args:
        name: As the user gave it.
        spec: The data set.
        options: Its options.
        data: Its data.
        settings: The section "data".
    """
    values = data.train
    description = DataDescription() if spec.describe is None else registry.import_object(spec.describe)(options)
    return DataSummary(
        name=name,
        title=spec.title,
        settings=dict(settings),
        kind=spec.kind,
        shape=data.image_shape,
        num_train=len(data.train),
        num_test=len(data.test),
        classes=_count_classes(data),
        value_range=(float(values.min()), float(values.max())),
        histogram=_histogram(values),
        duplicates=_find_duplicates(data.train, data.test),
        notes=description.notes,
        num_skipped=description.num_skipped,
        skipped=tuple(one_line(each) for each in description.skipped[:_MAX_LISTED_SKIPPED]),
        other_files=description.other_files,
        fingerprint=fingerprint(data),
    )


def with_presets(summary: DataSummary, train_options: str) -> DataSummary:
    """Return a summary with the presets that can be trained on the data, each with its command.

    Args:
        summary: From `summarize`.
        train_options: What follows `genexplorer train PRESET` to choose the data: "--data flowers".
    """
    fitting = []
    for preset in registry.presets().values():
        if registry.data_kind(preset.dataset_name) != summary.kind or preset.frozen or preset.expected_failure:
            continue
        try:
            config = presets.assemble(preset.name, {"data": dict(summary.settings)})
            plan.resolve(config)
        except UserError:
            continue
        fitting.append((preset.name, f"genexplorer train {preset.name} {train_options}"))
    return replace(summary, presets=tuple(fitting))


def train_options(name: str, assignments: tuple[str, ...] = ()) -> str:
    """Return the options of `genexplorer train` that choose data by name or path, with further settings."""
    return shlex.join(["--data", name, *(word for text in assignments for word in ("--set", text))])


def examples(data: ImageData | PointData, count: int) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Return training examples for a sheet: from every class in turn, spread over the split.

    Args:
        data: The data.
        count: How many at most.
    """
    labels = [0] * len(data.train) if data.train_labels is None else data.train_labels.tolist()
    return data.train[choose_examples(labels, count)]


def _count_classes(data: ImageData | PointData) -> tuple[ClassCount, ...]:
    if data.train_labels is None:
        return ()
    names = getattr(data, "class_names", ())
    train = dict(zip(*(part.tolist() for part in np.unique(data.train_labels, return_counts=True)), strict=True))
    test = {}
    if data.test_labels is not None:
        test = dict(zip(*(part.tolist() for part in np.unique(data.test_labels, return_counts=True)), strict=True))
    return tuple(
        ClassCount(label, one_line(names[label]) if label < len(names) else "", train.get(label, 0), test.get(label, 0))
        for label in sorted({*train, *test})
    )


def _histogram(values: NDArray[Any]) -> Histogram:
    picked = np.unique(np.linspace(0, len(values) - 1, min(len(values), _MAX_HISTOGRAM_EXAMPLES)).astype(np.int64))
    sample = values[picked]
    if sample.dtype == np.uint8:
        counts = np.zeros(256, np.int64)
        for start in range(0, len(sample), 1000):
            counts += np.bincount(sample[start : start + 1000].reshape(-1), minlength=256)
        counts, low, high = counts.reshape(NUM_BINS, -1).sum(axis=1), 0.0, 255.0
    else:
        low, high = float(sample.min()), float(sample.max())
        counts = np.histogram(sample, NUM_BINS, (low, high))[0]
    return Histogram(low, high, tuple((counts / max(counts.sum(), 1)).tolist()), len(picked))


def _find_duplicates(train: NDArray[Any], test: NDArray[Any]) -> Duplicates:
    digests = {_digest(example) for example in train}
    return Duplicates(sum(_digest(example) in digests for example in test), len(train) - len(digests))


def _digest(example: NDArray[Any]) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(example).tobytes(), digest_size=16).digest()
