"""What the Interpolate tab remembers until the next start. No Qt."""

from collections.abc import Mapping
from typing import Any

from genexplorer.viewer.tabs.interpolate.endpoints import KINDS, MAX_SEED, NAMES, Ends
from genexplorer.viewer.tabs.interpolate.path import MAX_COUNT, MIN_COUNT, MODES, Way


def to_json(ends: Ends, way: Way) -> dict[str, Any]:
    """Return the ends that can be found again, and how the way goes."""
    chosen = {name: {"kind": ends[name].kind, "seed": ends[name].seed, "index": ends[name].index} for name in NAMES}
    return {"mode": way.mode, "count": way.count, "ends": chosen}


def from_json(state: Mapping[str, Any], ends: Ends, way: Way) -> None:
    """Take back what `to_json` returned; what is not as it should be is left out."""
    way.mode = next((mode for mode in MODES if mode == state.get("mode")), way.mode)
    count = _whole(state.get("count"), MIN_COUNT, MAX_COUNT)
    way.count = way.count if count is None else count
    chosen = state.get("ends")
    for name in NAMES:
        told = chosen.get(name) if isinstance(chosen, Mapping) else None
        if not isinstance(told, Mapping):
            continue
        end = ends[name]
        seed, index = _whole(told.get("seed"), 0, MAX_SEED), _whole(told.get("index"), 0, 10_000_000)
        end.seed = end.seed if seed is None else seed
        end.index = end.index if index is None else index
        end.kind = next((kind for kind in KINDS if kind == told.get("kind")), end.kind)


def _whole(value: object, low: int, high: int) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high else None
