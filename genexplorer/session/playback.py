"""The displayed snapshot of a run: the newest, a fixed one, or playing through all."""

from bisect import bisect_right
from collections.abc import Sequence

from genexplorer.session.observable import Observable


class SnapshotCursor(Observable):
    """A position among the steps with a snapshot; while following, it stays at the newest.

    Every change of `steps`, `position`, `following` or `playing` notifies the listeners once.
    """

    def __init__(self) -> None:
        super().__init__()
        self._steps: tuple[int, ...] = ()
        self._position: int | None = None
        self._following = True
        self._playing = False

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps with a snapshot, ascending."""
        return self._steps

    @property
    def position(self) -> int | None:
        """The displayed step; None without snapshots."""
        return self._position

    @property
    def following(self) -> bool:
        """Whether the position moves to new snapshots."""
        return self._following

    @property
    def playing(self) -> bool:
        """Whether `tick` advances the position."""
        return self._playing

    @property
    def index(self) -> int | None:
        """Index of the position in `steps`."""
        return None if self._position is None else self._steps.index(self._position)

    def set_steps(self, steps: Sequence[int]) -> None:
        """Set the steps with a snapshot; if the displayed one was deleted, the nearest replaces it."""
        ordered = tuple(sorted(set(steps)))
        position = self._position
        if not ordered:
            position = None
        elif self._following or position is None:
            position = ordered[-1]
        else:
            position = _nearest(ordered, position)
        self._update(steps=ordered, position=position)

    def go(self, step: int) -> None:
        """Display the snapshot nearest to a step and stop following."""
        if self._steps:
            self._update(position=_nearest(self._steps, step), following=False, playing=False)

    def move(self, count: int) -> None:
        """Move by a number of snapshots, at most to either end, and stop following."""
        if self.index is not None:
            index = min(max(self.index + count, 0), len(self._steps) - 1)
            self._update(position=self._steps[index], following=False, playing=False)

    def follow(self) -> None:
        """Display the newest snapshot and follow new ones."""
        self._update(position=self._steps[-1] if self._steps else None, following=True, playing=False)

    def hold(self) -> None:
        """Stop following."""
        self._update(following=False, playing=False)

    def play(self) -> None:
        """Advance one snapshot per `tick` to the newest; start over if the newest is displayed."""
        if self._steps:
            start = self._steps[0] if self._position in (None, self._steps[-1]) else self._position
            self._update(position=start, following=False, playing=True)

    def pause(self) -> None:
        """Stop playing."""
        self._update(playing=False)

    def tick(self) -> None:
        """Advance one snapshot while playing; playing ends at the newest."""
        if not self._playing or self.index is None:
            return
        index = self.index + 1
        if index < len(self._steps):
            self._update(position=self._steps[index])
        else:
            self._update(playing=False)

    def _update(
        self,
        *,
        steps: tuple[int, ...] | None = None,
        position: int | None = -1,
        following: bool | None = None,
        playing: bool | None = None,
    ) -> None:
        before = (self._steps, self._position, self._following, self._playing)
        self._steps = self._steps if steps is None else steps
        self._position = self._position if position == -1 else position
        self._following = self._following if following is None else following
        self._playing = (self._playing if playing is None else playing) and bool(self._steps)
        if before != (self._steps, self._position, self._following, self._playing):
            self.notify()


def _nearest(ordered: tuple[int, ...], step: int) -> int:
    right = bisect_right(ordered, step)
    around = ordered[max(right - 1, 0) : right + 1]
    return min(around, key=lambda candidate: abs(candidate - step))
