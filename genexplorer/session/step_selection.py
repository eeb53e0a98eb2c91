"""The selected step of a run: the newest, a fixed one, or playing through all."""

from bisect import bisect_right
from collections.abc import Sequence

from genexplorer.session.observable import Observable


class StepSelection(Observable):
    """The selected step among those that can be displayed; while following, it is the newest one.

    They are the steps with an image in the dashboard, and those with a snapshot in the viewer.

    Every change of `steps`, `selected_step`, `following` or `playing` notifies the listeners once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.steps: tuple[int, ...] = ()  # the steps that can be displayed, ascending
        self.selected_step: int | None = None  # the displayed step; None without steps
        self.following = True  # every new step is selected
        self.playing = False  # `tick` selects the next step

    @property
    def index(self) -> int | None:
        """Index of the selected step in `steps`; None without steps."""
        return None if self.selected_step is None else self.steps.index(self.selected_step)

    def set_steps(self, steps: Sequence[int]) -> None:
        """Set the steps; if the selected one was deleted, the nearest replaces it."""
        ordered = tuple(sorted(set(steps)))
        selected_step = ordered[-1] if ordered else None
        if ordered and not self.following and self.selected_step is not None:
            selected_step = _nearest(ordered, self.selected_step)
        self._update(selected_step, following=self.following, playing=self.playing, steps=ordered)

    def open(self, steps: Sequence[int]) -> None:
        """Set the steps of another run, and follow it: the selected step was one of the former run."""
        ordered = tuple(sorted(set(steps)))
        self._update(ordered[-1] if ordered else None, following=True, steps=ordered)

    def select(self, step: int) -> None:
        """Select the nearest of the steps and stop following."""
        if self.steps:
            self._update(_nearest(self.steps, step))

    def move(self, count: int) -> None:
        """Move by a number of the steps, at most to either end, and stop following."""
        if self.index is not None:
            self._update(self.steps[min(max(self.index + count, 0), len(self.steps) - 1)])

    def follow(self) -> None:
        """Select the newest step and follow new ones."""
        self._update(self.steps[-1] if self.steps else None, following=True)

    def hold(self) -> None:
        """Stop following and stay at the selected step; without steps there is none to stay at."""
        if self.steps:
            self._update(self.selected_step)

    def play(self) -> None:
        """Advance to the next of the steps with each `tick`, up to the newest; start over if that is selected."""
        if self.steps:
            start = self.steps[0] if self.selected_step in (None, self.steps[-1]) else self.selected_step
            self._update(start, playing=True)

    def pause(self) -> None:
        """Stop playing."""
        self._update(self.selected_step, following=self.following)

    def tick(self) -> None:
        """Select the next step while playing; playing ends at the newest."""
        if not self.playing or self.index is None:
            return
        if self.index + 1 < len(self.steps):
            self._update(self.steps[self.index + 1], playing=True)
        else:
            self.pause()

    def _update(
        self,
        selected_step: int | None,
        *,
        following: bool = False,
        playing: bool = False,
        steps: tuple[int, ...] | None = None,
    ) -> None:
        before = (self.steps, self.selected_step, self.following, self.playing)
        self.steps = self.steps if steps is None else steps
        self.selected_step, self.following = selected_step, following
        self.playing = playing and bool(self.steps)
        if before != (self.steps, self.selected_step, self.following, self.playing):
            self.notify()


def _nearest(ordered: tuple[int, ...], step: int) -> int:
    right = bisect_right(ordered, step)
    around = ordered[max(right - 1, 0) : right + 1]
    return min(around, key=lambda candidate: abs(candidate - step))
