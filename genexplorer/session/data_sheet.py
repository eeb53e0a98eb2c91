"""A sheet about a data set: a few examples, counts, class names and notes, read without preparing all of it."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genexplorer.runs.sanitize import one_line
from trainers import registry

if TYPE_CHECKING:
    from trainers.config import RunConfig

NUM_EXAMPLES = 32  # images
_NUM_POINTS = 500
_MAX_LOADED = 20_000  # of a larger data set, only the first examples are read
_MAX_NAME_LENGTH = 80
Progress = Callable[[int, int], None]


class SheetCanceled(Exception):  # noqa: N818 - not an error
    """The sheet is not wanted any more."""


@dataclass(frozen=True, eq=False)
class DataSheet:
    """Examples, counts and notes about a data set.

    Args:
        title: "emoji_classes: 1,911 images".
        facts: "32×32, color · 1,720 training, 191 test".
        examples: Images, (N, H, W, C) uint8, or 2-D points, (N, 2).
        class_counts: Names of the classes with their numbers of examples, the most frequent first.
        notes: Lines about what was skipped or read in part.
    """

    title: str
    facts: str
    examples: NDArray[Any]
    class_counts: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()


def read_data_sheet(
    config: "RunConfig",
    *,
    is_canceled: Callable[[], bool] = lambda: False,
    on_progress: Progress = lambda done, total: None,
) -> DataSheet:
    """Return the sheet of the data of a configuration.

    Args:
        config: The configuration; its options of the data decide on size and color.
        is_canceled: Called between two examples.
        on_progress: Called with the numbers of examples that are read and of all that will be.

    Raises:
        DataError: if the data cannot be read.
        SheetCanceled: once `is_canceled` returns true.
    """
    spec = registry.dataset(config.data.name)
    if spec.name == "images":
        return _folder_sheet(spec, config.data_options(), is_canceled, on_progress)
    return _loaded_sheet(spec, config.data_options(), is_canceled)


def _folder_sheet(
    spec: registry.DataSet, options: Any, is_canceled: Callable[[], bool], on_progress: Progress
) -> DataSheet:
    """Return the sheet of a folder of image files, of which a few are decoded."""
    from PIL import ImageColor

    from trainers.data.image_files.decode import DecodeError, ImageFormat, decode
    from trainers.data.image_files.scan import scan

    folder = scan(Path(options.path))
    _refuse_canceled(is_canceled)
    channels, height, width = registry.import_object(spec.peek)(options)
    red, green, blue = ImageColor.getcolor(options.background, "RGB")[:3]  # type: ignore[index]
    image_format = ImageFormat(height, width, channels, options.fit, (int(red), int(green), int(blue)))
    # Decode a few files of each class.
    images, failures = [], []
    indices = choose_examples([file.class_name for file in folder.files], NUM_EXAMPLES)
    for done, index in enumerate(indices):
        _refuse_canceled(is_canceled)
        on_progress(done, len(indices))
        file = folder.files[index]
        try:
            images.append(decode(folder.folder / file.path, image_format))
        except DecodeError as error:
            failures.append(f"{one_line(file.path, _MAX_NAME_LENGTH)}: {error}")
    # Describe the counts, and what is no image.
    total, num_train = len(folder.files), spec.num_train(options)
    notes = [f"{count:,} files {extension} are no images" for extension, count in folder.other_files[:3]]
    notes += [f"cannot be decoded: {failure}" for failure in failures[:3]]
    return DataSheet(
        f"{_name(folder.folder.name)}: {total:,} images",
        _facts((channels, height, width), num_train, None if num_train is None else total - num_train),
        np.stack(images) if images else np.zeros((0, height, width, channels), np.uint8),
        _counts(Counter(_name(file.class_name) for file in folder.files if file.class_name)),
        tuple(notes),
    )


def _loaded_sheet(spec: registry.DataSet, options: Any, is_canceled: Callable[[], bool]) -> DataSheet:
    """Return the sheet of a data set that is loaded for it, of a large one the first examples."""
    from trainers.data.loading import load

    # Load all of it, or the beginning.
    num_train = spec.num_train(options)
    is_part = num_train is not None and num_train > _MAX_LOADED and "limit" in type(options).model_fields
    if is_part:
        options = options.model_copy(update={"limit": _MAX_LOADED})
    data = load(spec, options)
    _refuse_canceled(is_canceled)
    labels = [] if data.train_labels is None else data.train_labels.tolist()
    names = getattr(data, "class_names", ())
    class_names = [_name(names[label]) if label < len(names) else str(label) for label in labels]
    # Choose the examples.
    noun = "points" if spec.kind == "points" else "images"
    count = _NUM_POINTS if noun == "points" else NUM_EXAMPLES
    indices = choose_examples(class_names or [""] * len(data.train), count)
    count = num_train if is_part and num_train is not None else len(data.train)
    notes = (f"counted in the first {_MAX_LOADED:,} images",) if is_part and labels else ()
    return DataSheet(
        f"{_name(data.name)}: {count + len(data.test):,} {noun}",
        _facts(None if noun == "points" else data.image_shape, count, len(data.test)),
        np.asarray(data.train[indices]),
        _counts(Counter(class_names)),
        notes,
    )


def class_summary(counts: Sequence[tuple[str, int]], limit: int) -> tuple[Sequence[tuple[str, int]], str]:
    """Return the most frequent classes, and a line about all of them: "124 classes, 3 to 80 images each"."""
    if not counts:
        return (), "no class names"
    low, high = counts[-1][1], counts[0][1]
    each = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    suffix = "" if len(counts) <= limit else f"; the {limit} most frequent"
    return counts[:limit], f"{len(counts):,} classes of {each} examples{suffix}"


def choose_examples(classes: Sequence[Hashable], count: int) -> list[int]:
    """Return the indices of at most `count` examples: from the classes in turn, spread over all examples of each.

    Args:
        classes: The class of each example; the same for all where there are no classes.
        count: How many.
    """
    by_class: dict[Hashable, list[int]] = {}
    for index, name in enumerate(classes):
        by_class.setdefault(name, []).append(index)
    rounds = -(-count // max(len(by_class), 1))
    while sum(min(rounds, len(indices)) for indices in by_class.values()) < min(count, len(classes)):
        rounds *= 2  # small classes leave room for more of the others
    selected = [
        indices[turn * len(indices) // min(rounds, len(indices))]
        for turn in range(rounds)
        for indices in by_class.values()
        if turn < len(indices)
    ]
    return selected[:count]


def _facts(shape: tuple[int, int, int] | None, num_train: int | None, num_test: int | None) -> str:
    size = "" if shape is None else f"{shape[1]}×{shape[2]}, {'color' if shape[0] == 3 else 'gray'}"
    split = "" if num_train is None or num_test is None else f"{num_train:,} training, {num_test:,} test"
    return " · ".join(part for part in (size, split) if part)


def _counts(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda item: -item[1]))


def _name(text: str) -> str:
    return one_line(text, _MAX_NAME_LENGTH)


def _refuse_canceled(is_canceled: Callable[[], bool]) -> None:
    if is_canceled():
        raise SheetCanceled
