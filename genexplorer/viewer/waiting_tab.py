"""Tabs that cannot show anything yet, and say what they wait for."""

from typing import TYPE_CHECKING

from genexplorer.errors import UserError
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.tab import Tab

if TYPE_CHECKING:
    from genexplorer.session.followed_run import FollowedRun


class InterpolateTab(Tab):
    """Walks between two images; the Manifold tab has the part of it that exists."""

    title = "Interpolate"

    def waiting_reason(self) -> str | None:
        """Say what exists of it."""
        return (
            "Walks between two images wait for a version to come.\n"
            "Until then: pin two points of the Manifold with A and B, or pen a path with P and export it."
        )


class FlowTab(Tab):
    """The transforms of a flow, one after another."""

    title = "Flow"

    def __init__(self, context: ViewerContext) -> None:
        super().__init__(context)
        self._reason = ""

    def set_run(self, followed: "FollowedRun | None") -> None:
        """Take the run's own reason."""
        self._reason = _why_no_trace(followed)

    def on_changes(self, what: frozenset[str]) -> None:
        """The reason comes with the first card."""
        if "snapshots" in what:
            self._reason = _why_no_trace(self.context.run)

    def waiting_reason(self) -> str | None:
        """Say that it needs a flow."""
        own = f" This run: {self._reason}." if self._reason else ""
        shows = "It shows an image after each transform, with its log-determinant."
        return f"Waits for the run of a normalizing flow.\n{shows}{own}"


def _why_no_trace(followed: "FollowedRun | None") -> str:
    try:
        return followed.card().ability("trace").reason if followed is not None else ""
    except UserError:
        return ""


class DensityTab(Tab):
    """The plane of 2-D data."""

    title = "Density"

    def waiting_reason(self) -> str | None:
        """Say that it needs points."""
        return "Waits for the run of a 2-D density.\nIt draws data, samples and the model's density as a map."
