import ast
import os
import subprocess
import sys

import pytest

from genexplorer.cores import contention
from genexplorer.cores.contention import Contention, Reading
from genexplorer.cores.environment import compute_environment

STAT = """cpu  100 0 50 900 10 0 0 0 0 0
cpu0 10 0 5 400 0 0 0 0 0 0
cpu1 20 0 5 300 7 0 0 0 0 0
cpu10 70 0 40 200 3 0 0 4 0 0
intr 12345
"""


class Machine:
    """Two cores, a training, and what others do; a second passes with each look."""

    def __init__(self, cores: int = 2) -> None:
        self.cores, self.others = cores, 0.0
        self.now, self.threads = 0.0, cores
        self._seen = Reading(0.0, 0.0, 0.0)
        self.contention = Contention(lambda: self._seen)

    def live(self, seconds: int, others: float, own_waits: float = 0.0) -> list[int]:
        """Return the threads after each second in which others want so many cores."""
        found = []
        for _ in range(seconds):
            seen, wanted = self._seen, self.threads + others
            had = min(self.cores / wanted, 1.0)
            self._seen = Reading(
                seen.waited_s + self.threads * (1 - had) + own_waits,
                seen.others_s + others * had,
                seen.idle_s + max(self.cores - wanted, 0),
            )
            self.now += 1
            self.threads = self.contention.limit(self.cores, self.threads, self.now)
            found.append(self.threads)
        return found


def test_a_training_alone_keeps_its_threads_and_small_work_of_others_takes_none() -> None:
    machine = Machine()
    assert set(machine.live(20, 0.0)) == set(machine.live(20, 0.2)) == {2}
    assert set(machine.live(20, 0.0, own_waits=0.9)) == {2}  # while it saves, its threads wait for each other


def test_a_busy_program_has_a_core_and_gives_it_back() -> None:
    machine = Machine()
    machine.live(5, 0.0)
    assert machine.live(3, 1.0)[-1] == 1  # a window that both share counts for the one that it ends in
    assert set(machine.live(30, 1.0)) == {1}
    assert machine.live(6, 0.0)[-1] == 2
    assert set(machine.live(10, 0.0)) == {2}


def test_every_program_has_a_core_while_there_are_enough() -> None:
    machine = Machine(cores=4)
    machine.live(3, 0.0)
    assert machine.live(6, 2.0)[-1] == 2
    assert machine.live(12, 0.0)[-1] == 4


def test_a_program_that_comes_and_goes_is_waited_for_longer_each_time() -> None:
    machine = Machine()
    machine.live(3, 0.0)
    waits = []
    for _ in range(4):
        assert machine.live(4, 1.0)[-1] == 1
        waits.append(1)
        while machine.live(1, 0.0) == [1]:
            waits[-1] += 1
    assert waits == sorted(set(waits))


def test_a_share_of_one_or_missing_counters_change_nothing() -> None:
    crowded = Contention(iter([Reading(9.0 * n, 9.0 * n, 0.0) for n in range(9)]).__next__)
    assert [crowded.limit(1, 1, float(n)) for n in range(9)] == [1] * 9
    silent = Contention(lambda: None)
    assert [silent.limit(4, 4, float(n)) for n in range(9)] == [4] * 9


def test_only_the_cores_that_may_be_used_count() -> None:
    a_second = os.sysconf("SC_CLK_TCK")
    assert contention.core_seconds(STAT, {0, 1}) == pytest.approx((40 / a_second, 707 / a_second))
    assert contention.core_seconds(STAT, {10}) == pytest.approx((114 / a_second, 203 / a_second))


def test_the_counters_of_this_kernel_are_monotonic() -> None:
    asks = "from genexplorer.cores.contention import reading as r\n"
    asks += "print([x and (x.waited_s, x.idle_s) for x in (r(), r())])"
    told = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)  # of one thread:
    before, after = ast.literal_eval(told.stdout)  # one that ends, as other tests' do, takes its waits along
    if before is None or after is None:
        pytest.skip("this kernel does not tell")
    assert before[0] <= after[0] and before[1] <= after[1]


def test_only_those_that_adapt_spin_for_long_and_a_persons_word_goes_first() -> None:
    spins = [int(compute_environment({}, adapts=adapts)["GOMP_SPINCOUNT"]) for adapts in (False, True)]
    assert spins[0] < spins[1]
    assert compute_environment({"GOMP_SPINCOUNT": "7"}, adapts=True)["GOMP_SPINCOUNT"] == "7"
