"""The short form of every fault case: a few tries, no loss."""

import sys
from pathlib import Path

import pytest

from tests.fault_injection import __main__ as runner
from tests.fault_injection.case import FaultCase, Tally
from tests.fault_injection.cases import CASES


@pytest.mark.parametrize("case", [case for case in CASES if case.short], ids=lambda case: case.name)
def test_nothing_is_lost(case: FaultCase, tmp_path: Path) -> None:
    tally = case.run(case.short, tmp_path)
    assert not tally.losses
    assert tally.tries >= case.short


def test_a_violated_guarantee_is_counted() -> None:
    tally = Tally()
    with tally.attempt("holds"):
        pass
    with tally.attempt("does not hold"):
        raise AssertionError("it was loaded")
    assert tally.tries == 2 and tally.losses == ["does not hold: AssertionError: it was loaded"]


@pytest.mark.parametrize(
    ("options", "is_written"),
    [
        ("", True),
        ("--only probe", False),
        ("--share 0.5", False),
        ("--only probe --write", True),
        ("--share 0.5 --write", True),
    ],
)
def test_a_partial_run_leaves_the_table_without_the_option_write(
    options: str, is_written: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = tmp_path / "reliability.md"
    document.write_text(f"# Reliability\n{runner.BEGIN}\n{runner.END}\n")
    probe = FaultCase("probe", "a fault", "a guarantee", full=2, short=1, run=lambda count, _: Tally(tries=count))
    monkeypatch.setattr(runner, "DOCUMENT", document)
    monkeypatch.setattr(runner, "CASES", (probe,))
    monkeypatch.setenv("GENEXPLORER_STATE", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["fault_injection", *options.split()])
    assert runner.main() == 0
    assert ("ONLY=probe" in document.read_text()) is is_written
