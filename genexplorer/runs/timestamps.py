"""Unix times that were read from files: what no calendar knows is no time."""

import math

LATEST = 253_402_214_400.0  # the last day of the year 9999, wherever one is


def unix_time(value: object) -> float:
    """Return a time, 0 where it is none: not a number, not finite, before 1970 or after the year 9999."""
    try:
        time = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return time if math.isfinite(time) and 0 <= time <= LATEST else 0.0
