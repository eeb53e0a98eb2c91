"""Branches are listed below their parents, also in lists without them, and records that contradict each other end."""

from pathlib import Path

from genexplorer.runs.record import Parent, RunStatus, State
from genexplorer.session.run_tree import branch_text, tree_rows


def run(name: str, parent: str = "", kind: str = "fork") -> RunStatus:
    origin = Parent("fork" if kind == "fork" else "init", parent, parent.upper(), 4000) if parent else None
    return RunStatus(name, Path(name), name, State.SUCCEEDED, "vae-2d", "vae", "mnist", parent=origin)


def shown(*runs: RunStatus) -> list[str]:
    return [row.name for row in tree_rows(runs)]


def test_a_list_without_branches_stays_as_it_is() -> None:
    assert shown(run("c"), run("b"), run("a")) == ["c", "b", "a"]
    assert shown(run("c", "a", "init"), run("a")) == ["c", "a"], "initial weights make no branch"


def test_branches_follow_their_parents_and_pull_them_up() -> None:
    newest_first = (run("f", "b"), run("e"), run("d", "a"), run("c", "b"), run("b", "a"), run("a"), run("z"))
    assert shown(*newest_first) == ["a", "⤷ d", "⤷ b", "  ⤷ f", "  ⤷ c", "e", "z"]


def test_branches_of_runs_that_are_gone() -> None:
    assert shown(run("b", "gone"), run("a")) == ["⤷ b", "a"]
    assert branch_text(run("b", "gone")) == "GONE at 4,000"
    assert branch_text(run("b", "a"), {"a": "a"}) == "a at 4,000", "its present name"
    assert branch_text(run("a")) == branch_text(run("b", "a", "init")) == ""


def test_circles_and_long_chains_end() -> None:
    circle = [run("a", "c"), run("b", "a"), run("c", "b"), run("d", "d")]
    assert sorted(row.status.name for row in tree_rows(circle)) == ["a", "b", "c", "d"]
    chain = [run(str(i), str(i - 1) if i else "") for i in range(5000)]
    rows = tree_rows(chain[::-1])
    assert [row.status.name for row in rows] == [str(i) for i in range(5000)]
    assert rows[-1].depth == 4999 and rows[-1].name == "      ⤷ 4999"
