"""Asks for the tiles that the plane lacks and puts them in their places. No Qt."""

from collections import deque
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from genexplorer.session.observable import Observable
from genexplorer.session.plane import Plane
from genexplorer.viewer.model_client import ModelRequest, Reply, RequestGroup
from genexplorer.viewer.tabs.manifold.latent_plane import LATENT_2D, LatentPlane
from genexplorer.viewer.tabs.manifold.tiles import TARGET, Cells, Mosaic, TileGrid, every, layout
from genexplorer.viewer.tabs.manifold.visible_range import VisibleRange

_KEY = "tiles"
FRAME_S = 0.02  # what a question may take while something moves: with sending and drawing below 33 ms
PART_S = 0.03  # and at rest: what moves again waits no longer
_FAST_S = 0.3  # a decoder that fills the plane in this time is asked for all of it even while something moves
_FEW = 16  # tiles that are asked for at least, and at first of a decoder whose speed is not known
_MEASURED = 8  # an answer of fewer images says little about the decoder's speed
_STRIDES = (
    (1, 1),
    (2, 1),
    (2, 2),
    (4, 2),
    (4, 4),
    (8, 4),
    (8, 8),
    (16, 8),
    (16, 16),
)  # across, down; each in those before


@dataclass(frozen=True)
class _TileRequest:
    """What the plane shows."""

    grid: TileGrid
    image_shape: tuple[int, int, int]
    step: int
    plane: LatentPlane
    moving: bool  # while something moves: drafts will do, and of a slow decoder only some of the tiles


class TileLoader(Observable):
    """Keeps the plane filled: `show` says what is wanted, `mosaic` is the newest that can be shown.

    Only tiles that are not known at this snapshot are asked for, so that panning costs the rim alone. One question is
    open at a time and takes about a frame: what is wanted meanwhile overtakes the rest. Where not all tiles fit into
    one, those of each 2nd, 4th … column and row come first and stand for their neighbors, then those between them,
    from the middle outwards. While something moves drafts will do; at rest each is replaced by the exact picture.

    Attributes:
        mosaic: What is drawn, or None while there is nothing yet.
        failure: Why the newest question failed; empty if it did not.
        seconds: Time the newest answer took in the explorer.
        decoded: Number of tiles in the newest answer.
    """

    def __init__(self, requests: RequestGroup) -> None:
        super().__init__()
        self._requests = requests
        self._wanted: _TileRequest | None = None
        self._plane: LatentPlane | None = None  # of the mosaic
        self._costs: dict[bool, deque[float]] = {
            moving: deque(maxlen=5) for moving in (True, False)
        }  # seconds an image
        self._rim = 1
        self.mosaic: Mosaic | None = None
        self.failure = ""
        self.seconds = 0.0
        self.decoded = 0

    def show(
        self,
        view: VisibleRange,
        image_shape: tuple[int, int, int],
        step: int,
        target: int = TARGET,
        plane: LatentPlane = LATENT_2D,
        *,
        moving: bool = False,
    ) -> None:
        """Want the tiles that a view shows at a snapshot.

        Args:
            view: What is seen.
            image_shape: (C, H, W).
            step: The snapshot.
            target: Wanted number of tiles along the panel's shorter side.
            plane: Where in latent space the view lies.
            hasty: Whether something moves, so that drafts and larger gaps will do for now.
        """
        size = image_shape[1:]
        visible = layout(view, size, target)
        self._wanted = None
        if visible is None:
            return
        wanted = _TileRequest(visible, image_shape, step, plane, moving)
        if (
            self._is_of(self.mosaic, wanted)
            and self.mosaic is not None
            and self.mosaic.knows(visible, exactly=not moving)
        ):
            return
        # A rim is kept ready for panning; a zoom or another snapshot leaves it out, to be there sooner.
        keeps = self.mosaic is not None and self.mosaic.step == step and self.mosaic.grid.same_lattice(visible)
        if keeps and self._plane is plane and self._is_fast(wanted):
            wanted = replace(wanted, grid=layout(view, size, target, margin=self._rim) or visible)
        self._wanted = wanted
        self._ask()

    def clear(self) -> None:
        """Forget the mosaic and what was wanted, as when another run is opened."""
        self.mosaic, self._wanted, self._plane, self.failure = None, None, None, ""
        for costs in self._costs.values():
            costs.clear()
        self.notify()

    def _is_of(self, mosaic: Mosaic | None, wanted: _TileRequest) -> bool:
        return (
            mosaic is not None
            and mosaic.step == wanted.step
            and mosaic.image_shape == wanted.image_shape
            and self._plane is wanted.plane
        )

    def _cost(self, moving: bool) -> float | None:
        """Return the time an image takes, or None while nobody knows; a draft takes no longer than an exact one."""
        known = self._costs[moving] or self._costs[not moving]
        return max(min(known), 1e-9) if known else None

    def _is_fast(self, wanted: _TileRequest) -> bool:
        cost = self._cost(wanted.moving)
        return wanted.plane.is_full_space if cost is None else cost * wanted.grid.rows * wanted.grid.columns <= _FAST_S

    def _affordable(self, wanted: _TileRequest) -> int:
        """Return how many tiles one question may be of; as long as nobody knows, all of two latent dimensions."""
        cost = self._cost(wanted.moving)
        if cost is None:
            return wanted.grid.rows * wanted.grid.columns if wanted.plane.is_full_space else _FEW
        return max(_FEW, int((FRAME_S if wanted.moving else PART_S) / cost))

    def _ask(self) -> None:
        wanted = self._wanted
        if wanted is None or self._requests.is_pending("preview", _KEY):
            return
        mosaic = self._start(wanted)
        missing = mosaic.missing()
        rest = missing if len(missing) or wanted.moving else mosaic.drafts()
        if not len(rest):
            self._take(mosaic, wanted)
        elif len(part := self._part(wanted, rest)):
            self._decode(wanted, mosaic, part)

    def _start(self, wanted: _TileRequest) -> Mosaic:
        """Return a mosaic with the tiles that are known already."""
        old = self.mosaic
        if old is not None and self._is_of(old, wanted) and old.grid.same_lattice(wanted.grid):
            return old.moved(wanted.grid)
        return Mosaic(wanted.grid, wanted.image_shape, wanted.step)

    def _part(self, wanted: _TileRequest, cells: Cells) -> Cells:
        """Return the cells that are asked for next; none where a slow decoder waits until nothing moves any more."""
        many = self._affordable(wanted)
        if len(cells) <= many:
            return cells
        whole = wanted.grid.cells()
        widest = next((n for n, stride in enumerate(_STRIDES) if len(every(whole, stride)) <= many), len(_STRIDES) - 1)
        finest = 0 if not wanted.moving or self._is_fast(wanted) else widest
        for stride in reversed(_STRIDES[finest : widest + 1]):
            part = every(cells, stride)
            if len(part):
                return wanted.grid.middle_first(part)[:many]
        return cells[:0]

    def _decode(self, wanted: _TileRequest, mosaic: Mosaic, cells: Cells) -> None:
        z = wanted.plane.unproject(Plane(wanted.grid.coords).to_z(wanted.grid.centers(cells))).astype(np.float32)
        question = ModelRequest(
            "decode",
            partial(self._on_result, wanted, mosaic, cells),
            params={"draft": True} if wanted.moving else {},
            arrays={"z": z},
            step=wanted.step,
            on_failure=partial(self._on_failure, wanted),
        )
        self._requests.send("preview", _KEY, question)

    def _on_result(self, wanted: _TileRequest, mosaic: Mosaic, cells: Cells, reply: Reply) -> None:
        exact = not (wanted.moving and reply.meta.get("draft") is True)
        mosaic.fill(cells, np.asarray(reply.arrays["images"], np.uint8), exact=exact)
        mosaic.spread()
        self.seconds, self.decoded, self.failure = reply.seconds, len(cells), ""
        if len(cells) >= _MEASURED:
            self._costs[wanted.moving].append(reply.seconds / len(cells))
        self._take(mosaic, wanted)
        self._go_on()

    def _go_on(self) -> None:
        """Ask for what has come to be wanted meanwhile, or for what is still missing."""
        wanted, mosaic = self._wanted, self.mosaic
        if wanted is None or mosaic is None:
            return
        if self._is_of(mosaic, wanted) and mosaic.knows(wanted.grid, exactly=not wanted.moving):
            self._wanted = None
        else:
            self._ask()

    def _take(self, mosaic: Mosaic, wanted: _TileRequest) -> None:
        self.mosaic, self._plane = mosaic, wanted.plane
        self.notify()

    def _on_failure(self, wanted: _TileRequest, message: str, hint: str) -> None:
        self.failure = f"{message}: {hint}" if hint else message
        if self._wanted is wanted:
            self._wanted = None
        self.notify()
        self._ask()  # what is wanted since
