"""Properties of a data set that are known without loading it, and the settings that follow from them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

ImageShape = tuple[int, int, int]  # (C, H, W); (2, 1, 1) for 2-D points
DataKind = Literal["images", "points"]


class DataDefault(NamedTuple):
    """A value that a family chooses for a setting because of the data or of other settings, and why, in a few words."""

    value: Any
    reason: str


DataDefaults = Mapping[str, DataDefault]  # by dotted key: "data.binarization", "model.likelihood"


class DataTraits(NamedTuple):
    """Properties of a data set on which settings of a model depend."""

    shape: ImageShape  # (C, H, W) of an image; (2, 1, 1) for 2-D points
    kind: DataKind
    is_nearly_binary: bool | None = None  # whether nearly all pixels are black or white; None if it is unknown
    defaults: DataDefaults = MappingProxyType({})  # of options of the data set that follow from its content


class DataDescription(NamedTuple):
    """Notes and skipped files of a data set."""

    notes: tuple[str, ...] = ()  # lines about how the data are read
    num_skipped: int = 0  # files that cannot be decoded
    skipped: tuple[str, ...] = ()  # "path: reason" of the first of them
    other_files: tuple[tuple[str, int], ...] = ()  # extensions of files that are no examples, and how many there are
