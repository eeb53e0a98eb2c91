"""The tree of runs and their branches, as the lists of all front ends show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from genexplorer.runs.record import RunStatus

_INDENT = "  "
_MAX_INDENTS = 4  # deeper branches are not indented further


@dataclass(frozen=True)
class TreeRow:
    """A run in the tree.

    Args:
        status: The run.
        depth: 0 for one whose parent is not in the list.
    """

    status: RunStatus
    depth: int = 0

    @property
    def prefix(self) -> str:
        """What precedes the name: an arrow for a branch, indented below its parent."""
        if not is_branch(self.status):
            return ""
        return _INDENT * (min(self.depth, _MAX_INDENTS) - 1) + "⤷ "

    @property
    def name(self) -> str:
        """The name, with the prefix."""
        return self.prefix + (self.status.name or self.status.id)


def is_branch(status: RunStatus) -> bool:
    """Return whether a run is a branch of another one, which need not exist any more."""
    return status.parent is not None and status.parent.kind == "fork"


def branch_text(status: RunStatus, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return of which run a run is a branch: "calm-owl at 4,000"; empty if of none.

    Args:
        status: The run.
        names: The present names of runs by id; a parent that is not among them has the name that it had.
    """
    parent = status.parent
    if parent is None or not is_branch(status):
        return ""
    return f"{names.get(parent.id, parent.name)} at {parent.step:,}"


def tree_rows(runs: Sequence[RunStatus]) -> list[TreeRow]:
    """Return runs with branches below their parents; families, and the branches of one run, stay in the given order.

    A family is where its first run is. With runs that are newest first, that is its newest branch.
    """
    listed = {run.id: run for run in runs}
    branches: dict[str, list[RunStatus]] = {}
    for run in runs:
        parent = run.parent
        if parent is not None and is_branch(run) and parent.id in listed and parent.id != run.id:
            branches.setdefault(parent.id, []).append(run)
    if not branches:
        return [TreeRow(run) for run in runs]
    parents = {run.id: parent for parent, members in branches.items() for run in members}
    rows: list[TreeRow] = []
    done: set[str] = set()
    for run in runs:
        if run.id in done:
            continue
        # Climb to the root of its family; records that form a circle end it.
        root, climbed = run.id, {run.id}
        while root in parents and parents[root] not in climbed:
            root = parents[root]
            climbed.add(root)
        # List the family from there.
        pending = [(listed[root], 0)]
        while pending:
            member, depth = pending.pop()
            if member.id not in done:
                done.add(member.id)
                rows.append(TreeRow(member, depth))
                pending += [(branch, depth + 1) for branch in reversed(branches.get(member.id, []))]
    return rows
