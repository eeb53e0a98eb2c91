"""The short form of every proof: a few tries of each fault, none of them lost."""

from pathlib import Path

import pytest

from tests.fault_injection.case import Proof
from tests.fault_injection.cases import PROOFS


@pytest.mark.parametrize("proof", [proof for proof in PROOFS if proof.short], ids=lambda proof: proof.name)
def test_nothing_is_lost(proof: Proof, tmp_path: Path) -> None:
    tally = proof.run(proof.short, tmp_path)
    assert tally.tries >= proof.short
    assert not tally.losses


def test_a_broken_promise_is_counted() -> None:
    from tests.fault_injection.case import Tally

    tally = Tally()
    with tally.attempt("what holds"):
        pass
    with tally.attempt("what does not"):
        raise AssertionError("it was loaded")
    assert tally.tries == 2 and tally.losses == ["what does not: AssertionError: it was loaded"]
