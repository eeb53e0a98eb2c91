"""Limits on threads, from the variables of OpenMP."""

import pytest

from trainers import openmp


@pytest.mark.parametrize(
    ("environment", "limit", "default"),
    [
        ({}, None, None),
        ({"OMP_THREAD_LIMIT": "1"}, 1, 1),
        ({"OMP_THREAD_LIMIT": " 4 ", "OMP_NUM_THREADS": "2"}, 4, 2),
        ({"OMP_NUM_THREADS": "3,2"}, None, 3),
        ({"OMP_THREAD_LIMIT": "2", "OMP_NUM_THREADS": "8"}, 2, 2),
        ({"OMP_THREAD_LIMIT": "all", "OMP_NUM_THREADS": "0"}, None, None),
        ({"OMP_THREAD_LIMIT": "-1", "OMP_NUM_THREADS": ""}, None, None),
        ({"OMP_DYNAMIC": "TRUE"}, 1, 1),
        ({"OMP_DYNAMIC": "false", "OMP_MAX_ACTIVE_LEVELS": "2"}, None, None),
        ({"OMP_MAX_ACTIVE_LEVELS": "0"}, 1, 1),
    ],
)
def test_limits(environment: dict[str, str], limit: int | None, default: int | None) -> None:
    assert openmp.thread_limit(environment)[0] == limit
    assert openmp.default_threads(environment) == default
    assert openmp.bounded(9, environment) == (limit or 9)
