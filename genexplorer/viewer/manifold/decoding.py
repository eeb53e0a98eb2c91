"""Asks for the tiles that the plane lacks and puts them in their places. No Qt."""

import numpy as np

from genexplorer.session.observable import Observable
from genexplorer.session.plane import Plane
from genexplorer.viewer.explorer import Reply
from genexplorer.viewer.manifold.asking import Question, Questions
from genexplorer.viewer.manifold.tiles import TARGET, Cells, Mosaic, TileGrid, layout
from genexplorer.viewer.manifold.view import PlaneView

_KEY = "tiles"


class TileDecoder(Observable):
    """Keeps the plane filled: `show` says what is wanted, `mosaic` is the newest that is complete.

    Only tiles that are not known at this snapshot are asked for, so that panning costs the rim alone. One question is
    open at a time; the old mosaic stays until the new one is complete.

    Attributes:
        mosaic: What is drawn, or None while there is nothing yet.
        failure: Why the newest question failed; empty if it did not.
        seconds: Time the newest answer took in the explorer.
        decoded: Number of tiles in the newest answer.
    """

    def __init__(self, questions: Questions) -> None:
        super().__init__()
        self._questions = questions
        self._wanted: TileGrid | None = None
        self._step = 0
        self._image_shape = (1, 1, 1)
        self._rim = 1
        self.mosaic: Mosaic | None = None
        self.failure = ""
        self.seconds = 0.0
        self.decoded = 0

    def show(self, view: PlaneView, image_shape: tuple[int, int, int], step: int, target: int = TARGET) -> None:
        """Want the tiles that a view shows at a snapshot.

        Args:
            view: What is seen.
            image_shape: (C, H, W).
            step: The snapshot.
            target: Wanted number of tiles along the panel's shorter side.
        """
        size = image_shape[1:]
        seen = layout(view, size, target)
        if seen is None:
            self._wanted = None
            return
        self._step, self._image_shape = step, image_shape
        if self._is_enough(self.mosaic, seen):
            self._wanted = None
            return
        # A rim is kept ready for panning; a zoom or another snapshot leaves it out, to be there sooner.
        keeps = self.mosaic is not None and self.mosaic.step == step and self.mosaic.grid.same_lattice(seen)
        self._wanted = layout(view, size, target, margin=self._rim) if keeps else seen
        self._ask()

    def clear(self) -> None:
        """Forget the mosaic and what was wanted, as when another run is opened."""
        self.mosaic, self._wanted, self.failure = None, None, ""
        self.notify()

    def _is_enough(self, mosaic: Mosaic | None, seen: TileGrid) -> bool:
        return (
            mosaic is not None
            and mosaic.step == self._step
            and mosaic.image_shape == self._image_shape
            and mosaic.grid.covers(seen)
        )

    def _ask(self) -> None:
        if self._wanted is None or self._questions.is_open("preview", _KEY):
            return
        grid, step = self._wanted, self._step
        mosaic = self._start(grid)
        cells = mosaic.missing()
        if not len(cells):
            self._take(mosaic)
            return
        z = Plane(grid.coords).to_z(grid.centres(cells)).astype(np.float32)

        def on_result(reply: Reply) -> None:
            self._on_result(mosaic, cells, reply)

        self._questions.ask(
            "preview", _KEY, Question("decode", on_result, arrays={"z": z}, step=step, on_failure=self._on_failure)
        )

    def _start(self, grid: TileGrid) -> Mosaic:
        """Return a mosaic with the tiles that are known already."""
        old = self.mosaic
        same = old is not None and old.step == self._step and old.image_shape == self._image_shape
        if old is not None and same and old.grid.same_lattice(grid):
            return old.moved(grid)
        return Mosaic(grid, self._image_shape, self._step)

    def _on_result(self, mosaic: Mosaic, cells: Cells, reply: Reply) -> None:
        images = np.asarray(reply.arrays["images"], np.uint8)
        mosaic.step = reply.step
        mosaic.fill(cells, images)
        self.seconds, self.decoded, self.failure = reply.seconds, len(cells), ""
        self._take(mosaic)
        wanted = self._wanted
        if wanted is not None and (mosaic.step != self._step or not mosaic.grid.covers(wanted)):
            self._ask()
        else:
            self._wanted = None

    def _take(self, mosaic: Mosaic) -> None:
        self.mosaic = mosaic
        self.notify()

    def _on_failure(self, message: str, hint: str) -> None:
        self.failure = f"{message}: {hint}" if hint else message
        self._wanted = None
        self.notify()
