"""The short form of every fault case: a few tries, no loss."""

from pathlib import Path

import pytest

from tests.fault_injection.case import FaultCase
from tests.fault_injection.cases import CASES


@pytest.mark.parametrize("case", [case for case in CASES if case.short], ids=lambda case: case.name)
def test_nothing_is_lost(case: FaultCase, tmp_path: Path) -> None:
    tally = case.run(case.short, tmp_path)
    assert tally.tries >= case.short
    assert not tally.losses


def test_a_broken_promise_is_counted() -> None:
    from tests.fault_injection.case import Tally

    tally = Tally()
    with tally.attempt("what holds"):
        pass
    with tally.attempt("what does not"):
        raise AssertionError("it was loaded")
    assert tally.tries == 2 and tally.losses == ["what does not: AssertionError: it was loaded"]
