"""What a run's data are: images, or points of the plane; known before its first snapshot."""

from contextlib import suppress
from typing import TYPE_CHECKING

from trainers import registry
from trainers.errors import UserError

if TYPE_CHECKING:
    from genexplorer.session.run_poller import RunPoller


def is_of_points(run: "RunPoller | None") -> bool:
    """Whether a run's data are points of the plane."""
    if run is None or run.config is None:
        return False
    with suppress(UserError):  # a data set of a package that is not installed here
        return registry.dataset(run.config.data.name).kind == "points"
    return False
