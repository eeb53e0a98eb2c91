"""The user's limits on OpenMP threads, from environment variables, without torch.

Libraries below torch divide their work by the number of threads that was set, without checking how many the OpenMP
runtime really starts. Where it starts fewer, part of the result is never computed, or the process waits forever.
"""

import os
import re
from collections.abc import Mapping

_LIMITS = ("OMP_THREAD_LIMIT", "KMP_DEVICE_THREAD_LIMIT", "KMP_ALL_THREADS", "KMP_TEAMS_THREAD_LIMIT")
_DEFAULT = "OMP_NUM_THREADS"
_TRUE = ("true", "1", "yes")


def thread_limit(environment: Mapping[str, str] | None = None) -> tuple[int | None, str]:
    """Return the largest number of threads that the OpenMP runtime starts, and the setting that limits it.

    Args:
        environment: Environment variables; those of this process when None.

    Returns:
        Number and setting, such as (1, "OMP_THREAD_LIMIT=1"); (None, "") without a limit.
    """
    environment = os.environ if environment is None else environment
    limits = [(number, f"{name}={number}") for name in _LIMITS if (number := _first_number(environment.get(name)))]
    # Both make the number of threads of a parallel region unpredictable, or 1.
    if environment.get("OMP_DYNAMIC", "").strip().lower() in _TRUE:
        limits.append((1, f"OMP_DYNAMIC={environment['OMP_DYNAMIC'].strip()}"))
    if environment.get("OMP_MAX_ACTIVE_LEVELS", "").strip() == "0":
        limits.append((1, "OMP_MAX_ACTIVE_LEVELS=0"))
    return min(limits) if limits else (None, "")


def bounded(threads: int, environment: Mapping[str, str] | None = None) -> int:
    """Return a number of threads, or the limit if that is lower."""
    limit, _ = thread_limit(environment)
    return threads if limit is None else min(threads, limit)


def default_threads(environment: Mapping[str, str] | None = None) -> int | None:
    """Return the largest number of threads to use where none is configured; None without a limit.

    `OMP_NUM_THREADS` is a default: unlike the limits, a configured number replaces it.
    """
    environment = os.environ if environment is None else environment
    limit, _ = thread_limit(environment)
    numbers = [number for number in (limit, _first_number(environment.get(_DEFAULT))) if number]
    return min(numbers) if numbers else None


def _first_number(text: str | None) -> int:
    """Return the first number of a list such as "4,2", as OpenMP has them; 0 if it has none, which OpenMP ignores."""
    match = re.fullmatch(r"\s*\+?(\d+)\s*(,.*)?", text or "")
    return int(match[1]) if match else 0
