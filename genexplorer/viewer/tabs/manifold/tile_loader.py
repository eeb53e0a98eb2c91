"""Requests the tiles that are missing in the plane and adds them to the mosaic. No Qt."""

from collections import deque
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from genexplorer.session.observable import Observable
from genexplorer.session.plane import Plane
from genexplorer.viewer.model_client import ModelRequest, ModelResponse, RequestGroup, failure_text
from genexplorer.viewer.tabs.manifold.latent_plane import LATENT_2D, LatentPlane
from genexplorer.viewer.tabs.manifold.tiles import DEFAULT_TILES, Cells, Mosaic, TileGrid, layout, select_stride
from genexplorer.viewer.tabs.manifold.visible_range import VisibleRange

_TOPIC = "tiles"
MAX_MOVING_REQUEST_S = 0.02  # of computation while something moves: with sending and drawing less than 33 ms
MAX_REQUEST_S = 0.03  # of computation otherwise: the next move waits for it
_FAST_PLANE_S = 0.3  # a decoder that fills the plane in this time gets all tiles at once, even while something moves
_MIN_REQUEST_TILES = 16  # a request has so many tiles or more; just as many until the speed of the decoder is known
_MIN_MEASURED_IMAGES = 8  # a response of fewer images does not measure the decoder's speed
# Strides across and down; each selects some of the cells that the one before it selects.
_STRIDES = ((1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4), (8, 8), (16, 8), (16, 16))


@dataclass(frozen=True)
class _TileRequest:
    """The tiles of a view at a snapshot."""

    grid: TileGrid
    image_shape: tuple[int, int, int]
    step: int
    plane: LatentPlane
    moving: bool  # whether something moves: then tiles are drafts, and from a slow decoder only some of them


class TileLoader(Observable):
    """Keeps the plane filled with decoded tiles: `show` sets the visible range, `mosaic` is the newest result.

    Only tiles that are missing at this snapshot are requested, so that panning costs the rim alone. One request is
    open at a time and takes about a frame; a newer view replaces the tiles that are left. Where not all tiles fit into
    one request, those of each 2nd, 4th … column and row come first and fill in for their neighbors, then those between
    them, from the middle outwards. While something moves, tiles are drafts; afterwards exact images replace them.

    Attributes:
        mosaic: The tiles to draw, or None while there are none.
        failure: Why the newest request failed; empty if it did not.
    """

    def __init__(self, requests: RequestGroup) -> None:
        super().__init__()
        self._requests = requests
        self._request: _TileRequest | None = None
        self._plane: LatentPlane | None = None  # of the mosaic
        # Seconds per image, while something moves and otherwise.
        self._costs: dict[bool, deque[float]] = {moving: deque(maxlen=5) for moving in (True, False)}
        self.mosaic: Mosaic | None = None
        self.failure = ""

    def show(
        self,
        view: VisibleRange,
        image_shape: tuple[int, int, int],
        step: int,
        target: int = DEFAULT_TILES,
        plane: LatentPlane = LATENT_2D,
        *,
        moving: bool = False,
    ) -> None:
        """Request the missing tiles of a view at a snapshot.

        Args:
            view: The visible part of the plane.
            image_shape: Shape of an image, (C, H, W).
            step: Step of the snapshot.
            target: Desired number of tiles along the plot's shorter side.
            plane: The plane through latent space.
            moving: Whether something moves, so that drafts and larger gaps suffice for now.
        """
        size = image_shape[1:]
        visible = layout(view, size, target)
        self._request = None
        if visible is None:
            return
        request = _TileRequest(visible, image_shape, step, plane, moving)
        old = self._mosaic_for(request)
        if old is not None and old.is_complete(visible, exactly=not moving):
            return
        # A margin is decoded in advance for panning; a zoom or another snapshot leaves it out, to be shown sooner.
        if old is not None and old.grid.same_lattice(visible) and self._is_fast(request):
            request = replace(request, grid=layout(view, size, target, margin=1) or visible)
        self._request = request
        self._send()

    def clear(self) -> None:
        """Discard the mosaic and the request, as when another run is opened."""
        self.mosaic, self._request, self._plane, self.failure = None, None, None, ""
        for costs in self._costs.values():
            costs.clear()
        self.notify()

    def _mosaic_for(self, request: _TileRequest) -> Mosaic | None:
        """Return the mosaic if it is one of the requested snapshot and plane."""
        mosaic = self.mosaic
        if mosaic is None or self._plane is not request.plane:
            return None
        return mosaic if (mosaic.step, mosaic.image_shape) == (request.step, request.image_shape) else None

    def _cost(self, moving: bool) -> float | None:
        """Return the seconds per image, or None while unknown; a draft takes no longer than an exact one."""
        costs = self._costs[moving] or self._costs[not moving]
        return max(min(costs), 1e-9) if costs else None

    def _is_fast(self, request: _TileRequest) -> bool:
        cost = self._cost(request.moving)
        return (
            request.plane.is_full_space
            if cost is None
            else cost * request.grid.rows * request.grid.columns <= _FAST_PLANE_S
        )

    def _send(self) -> None:
        request = self._request
        if request is None or self._requests.is_pending("preview", _TOPIC):
            return
        # Start with the tiles that are decoded already.
        old = self._mosaic_for(request)
        if old is not None and old.grid.same_lattice(request.grid):
            mosaic = old.on_grid(request.grid)
        else:
            mosaic = Mosaic(request.grid, request.image_shape, request.step)
        # Request missing tiles, then exact images instead of drafts.
        missing = mosaic.missing()
        remaining = missing if len(missing) or request.moving else mosaic.drafts()
        if not len(remaining):
            self._show_mosaic(mosaic, request)
            return
        cells = self._next_cells(request, remaining)
        if not len(cells):
            return
        z = request.plane.unproject(Plane(request.grid.coords).to_z(request.grid.centers(cells))).astype(np.float32)
        query = ModelRequest(
            "decode",
            partial(self._on_result, request, mosaic, cells),
            params={"draft": True} if request.moving else {},
            arrays={"z": z},
            step=request.step,
            on_failure=partial(self._on_failure, request),
        )
        self._requests.send("preview", _TOPIC, query)

    def _next_cells(self, request: _TileRequest, cells: Cells) -> Cells:
        """Return the cells to request next; none where a slow decoder waits until nothing moves."""
        # Limit the time of a request; without a measured cost, decode all tiles of a 2-D latent space.
        cost = self._cost(request.moving)
        if cost is not None:
            count = max(_MIN_REQUEST_TILES, int((MAX_MOVING_REQUEST_S if request.moving else MAX_REQUEST_S) / cost))
        else:
            count = request.grid.rows * request.grid.columns if request.plane.is_full_space else _MIN_REQUEST_TILES
        if len(cells) <= count:
            return cells
        # Select the coarsest stride with cells that are left; while something moves, no finer one than fits.
        all_cells = request.grid.cells()
        widest = next(
            (n for n, stride in enumerate(_STRIDES) if len(select_stride(all_cells, stride)) <= count),
            len(_STRIDES) - 1,
        )
        finest = 0 if not request.moving or self._is_fast(request) else widest
        for stride in reversed(_STRIDES[finest : widest + 1]):
            part = select_stride(cells, stride)
            if len(part):
                return request.grid.middle_first(part)[:count]
        return cells[:0]

    def _on_result(self, request: _TileRequest, mosaic: Mosaic, cells: Cells, response: ModelResponse) -> None:
        exact = not (request.moving and response.meta.get("draft") is True)
        mosaic.fill(cells, np.asarray(response.arrays["images"], np.uint8), exact=exact)
        mosaic.spread()
        self.failure = ""
        if len(cells) >= _MIN_MEASURED_IMAGES:
            self._costs[request.moving].append(response.seconds / len(cells))
        self._show_mosaic(mosaic, request)
        # Send the newest request, or one for the tiles that are still missing.
        newest = self._request
        if newest is None:
            return
        current = self._mosaic_for(newest)
        if current is not None and current.is_complete(newest.grid, exactly=not newest.moving):
            self._request = None
        else:
            self._send()

    def _show_mosaic(self, mosaic: Mosaic, request: _TileRequest) -> None:
        self.mosaic, self._plane = mosaic, request.plane
        self.notify()

    def _on_failure(self, request: _TileRequest, message: str, hint: str) -> None:
        self.failure = failure_text(message, hint)
        if self._request is request:
            self._request = None
        self.notify()
        self._send()  # the newer request
