"""Asks for the tiles that the plane lacks and puts them in their places. No Qt."""

from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from genexplorer.session.observable import Observable
from genexplorer.session.plane import Plane
from genexplorer.viewer.explorer import Reply
from genexplorer.viewer.manifold.asking import Question, Questions
from genexplorer.viewer.manifold.latent_plane import WHOLE, LatentPlane
from genexplorer.viewer.manifold.tiles import TARGET, Cells, Mosaic, TileGrid, layout
from genexplorer.viewer.manifold.view import PlaneView

_KEY = "tiles"
FIRST_S = 0.12  # what the larger tiles of a slow decoder may take: they follow a drag
PART_S = 0.25  # what a part of the tiles of a slow decoder may take
_FAST_S = 0.3  # a decoder that fills the plane in this time is asked for all tiles at once
_FEW = 16  # tiles that are asked for at least, and at first of a decoder whose speed is not known
_MEASURED = 8  # an answer of fewer images says little about the decoder's speed
_COARSEST = 10


@dataclass(frozen=True)
class _Wanted:
    """What the plane shows."""

    grid: TileGrid
    image_shape: tuple[int, int, int]
    step: int
    plane: LatentPlane
    hasty: bool  # while something is dragged: larger tiles will do, where the decoder is slow


class TileDecoder(Observable):
    """Keeps the plane filled: `show` says what is wanted, `mosaic` is the newest that can be shown.

    Only tiles that are not known at this snapshot are asked for, so that panning costs the rim alone. One question is
    open at a time; of a fast decoder the old mosaic stays until the new one is complete. A slow decoder is asked for
    fewer and larger tiles first, and for the rest in parts, from the middle outwards.

    Attributes:
        mosaic: What is drawn, or None while there is nothing yet.
        failure: Why the newest question failed; empty if it did not.
        seconds: Time the newest answer took in the explorer.
        decoded: Number of tiles in the newest answer.
    """

    def __init__(self, questions: Questions) -> None:
        super().__init__()
        self._questions = questions
        self._wanted: _Wanted | None = None
        self._plane: LatentPlane | None = None  # of the mosaic
        self._costs: deque[float] = deque(maxlen=5)  # seconds an image
        self._rim = 1
        self.mosaic: Mosaic | None = None
        self.failure = ""
        self.seconds = 0.0
        self.decoded = 0

    def show(
        self,
        view: PlaneView,
        image_shape: tuple[int, int, int],
        step: int,
        target: int = TARGET,
        plane: LatentPlane = WHOLE,
        *,
        hasty: bool = False,
    ) -> None:
        """Want the tiles that a view shows at a snapshot.

        Args:
            view: What is seen.
            image_shape: (C, H, W).
            step: The snapshot.
            target: Wanted number of tiles along the panel's shorter side.
            plane: Where in latent space the view lies.
            hasty: Whether something is being dragged, so that larger tiles will do for now.
        """
        size = image_shape[1:]
        seen = layout(view, size, target)
        self._wanted = None
        if seen is None:
            return
        wanted = _Wanted(seen, image_shape, step, plane, hasty)
        if self._is_of(self.mosaic, wanted) and self.mosaic is not None and self.mosaic.knows(seen):
            return
        # A rim is kept ready for panning; a zoom or another snapshot leaves it out, to be there sooner.
        keeps = self.mosaic is not None and self.mosaic.step == step and self.mosaic.grid.same_lattice(seen)
        if keeps and self._plane is plane and self._is_fast(seen):
            wanted = replace(wanted, grid=layout(view, size, target, margin=self._rim) or seen)
        self._wanted = wanted
        self._ask()

    def clear(self) -> None:
        """Forget the mosaic and what was wanted, as when another run is opened."""
        self.mosaic, self._wanted, self._plane, self.failure = None, None, None, ""
        self._costs.clear()
        self.notify()

    @property
    def cost_s(self) -> float | None:
        """The time an image takes, or None while nobody knows."""
        return min(self._costs) if self._costs else None

    def _is_of(self, mosaic: Mosaic | None, wanted: _Wanted) -> bool:
        return (
            mosaic is not None
            and mosaic.step == wanted.step
            and mosaic.image_shape == wanted.image_shape
            and self._plane is wanted.plane
        )

    def _is_fast(self, grid: TileGrid) -> bool:
        """Whether all tiles come at once; as long as nobody knows, those of two latent dimensions do."""
        cost = self.cost_s
        if cost is None:
            return self._wanted_plane().is_whole
        return cost * grid.rows * grid.columns <= _FAST_S

    def _wanted_plane(self) -> LatentPlane:
        return WHOLE if self._wanted is None else self._wanted.plane

    def _ask(self) -> None:
        wanted = self._wanted
        if wanted is None or self._questions.is_open("preview", _KEY):
            return
        mosaic = self._start(wanted)
        cells = mosaic.missing()
        if not len(cells):
            self._take(mosaic, wanted)
        elif self._is_fast(wanted.grid):
            self._ask_for(wanted, mosaic, cells)
        elif len(cells) > mosaic.known.size / 2 and not self._has_larger(wanted):
            self._ask_larger(wanted, mosaic)
        elif not wanted.hasty:
            self._ask_for(wanted, mosaic, self._part(wanted.grid, cells))

    def _start(self, wanted: _Wanted) -> Mosaic:
        """Return a mosaic with the tiles that are known already."""
        old = self.mosaic
        if old is not None and self._is_of(old, wanted) and old.grid.same_lattice(wanted.grid):
            return old.moved(wanted.grid)
        return Mosaic(wanted.grid, wanted.image_shape, wanted.step)

    def _has_larger(self, wanted: _Wanted) -> bool:
        """Whether what is drawn lies at the right place already, be it in larger tiles."""
        return self._is_of(self.mosaic, wanted) and self.mosaic is not None and self.mosaic.grid.covers(wanted.grid)

    def _part(self, grid: TileGrid, cells: Cells) -> Cells:
        """Return the missing cells nearest to the middle, as many as a part may cost."""
        middle = np.array([(grid.first_column + grid.last_column) / 2, (grid.first_row + grid.last_row) / 2])
        order = np.abs(cells - middle).max(axis=1).argsort(kind="stable")
        part: Cells = cells[order[: self._affordable(PART_S)]]
        return part

    def _affordable(self, seconds: float) -> int:
        cost = self.cost_s
        return _FEW if cost is None else max(_FEW, int(seconds / max(cost, 1e-9)))

    def _ask_larger(self, wanted: _Wanted, mosaic: Mosaic) -> None:
        few = self._affordable(FIRST_S)
        sizes = [(times, wanted.grid.coarser(times)) for times in range(2, _COARSEST + 1)]
        times, grid = next((pair for pair in sizes if pair[1].rows * pair[1].columns <= few), sizes[-1])
        larger = Mosaic(grid, wanted.image_shape, wanted.step)

        def on_result(reply: Reply) -> None:
            self._fill(larger, grid.cells(), reply)
            self._take(mosaic.over(larger, times), wanted)
            self._go_on()

        self._decode(wanted, grid, grid.cells(), on_result)

    def _ask_for(self, wanted: _Wanted, mosaic: Mosaic, cells: Cells) -> None:
        below = self.mosaic if self._has_larger(wanted) else None

        def on_result(reply: Reply) -> None:
            self._fill(mosaic, cells, reply)
            self._take(
                mosaic if below is None or mosaic.known.all() else mosaic.over(below.moved(mosaic.grid), 1), wanted
            )
            self._go_on()

        self._decode(wanted, wanted.grid, cells, on_result)

    def _decode(self, wanted: _Wanted, grid: TileGrid, cells: Cells, on_result: object) -> None:
        z = wanted.plane.lift(Plane(grid.coords).to_z(grid.centres(cells))).astype(np.float32)
        question = Question("decode", on_result, arrays={"z": z}, step=wanted.step, on_failure=self._on_failure)  # type: ignore[arg-type]
        self._questions.ask("preview", _KEY, question)

    def _fill(self, mosaic: Mosaic, cells: Cells, reply: Reply) -> None:
        mosaic.fill(cells, np.asarray(reply.arrays["images"], np.uint8))
        self.seconds, self.decoded, self.failure = reply.seconds, len(cells), ""
        if len(cells) >= _MEASURED:
            self._costs.append(reply.seconds / len(cells))

    def _go_on(self) -> None:
        """Ask for what has come to be wanted meanwhile, or for what is still missing."""
        wanted, mosaic = self._wanted, self.mosaic
        if wanted is None or mosaic is None:
            return
        if self._is_of(mosaic, wanted) and mosaic.knows(wanted.grid):
            self._wanted = None
        else:
            self._ask()

    def _take(self, mosaic: Mosaic, wanted: _Wanted) -> None:
        self.mosaic, self._plane = mosaic, wanted.plane
        self.notify()

    def _on_failure(self, message: str, hint: str) -> None:
        self.failure = f"{message}: {hint}" if hint else message
        self._wanted = None
        self.notify()
