"""Tiles of a slow decoder: coarse to fine, previews during a movement, exact images at rest."""

from pathlib import Path
from typing import Any

import numpy as np

from genexplorer.explore.client import ExplorerClient
from genexplorer.explore.protocol import Lane, Response, Result
from genexplorer.viewer.model_client import ModelClient, RequestGroup
from genexplorer.viewer.tabs.manifold import visible_range as views
from genexplorer.viewer.tabs.manifold.latent_plane import (
    LATENT_2D,
    LatentPlane,
    axis_plane,
)
from genexplorer.viewer.tabs.manifold.tile_loader import MAX_MOVING_REQUEST_S, MAX_REQUEST_S, TileLoader
from genexplorer.viewer.tabs.manifold.tiles import Mosaic, layout, select_stride
from tests.genexplorer.viewer.fake_model import picture


class _Slow(ExplorerClient):
    """A decoder that takes a set time per image and answers when a test lets it; its drafts are a shade brighter."""

    def __init__(self, cost_s: float = 0.005) -> None:
        self.cost_s = cost_s
        self.requests: list[tuple[Any, Any, Any]] = []
        self.answered = 0
        self.model_client = ModelClient(lambda on_answer, on_exit: self)
        self.model_client.set_run(Path("run"))

    def send(self, lane: Lane, run: Path, op: str, **options: Any) -> int:
        self.requests.append((options["arrays"]["z"], options["params"], (lane, options["topic"])))
        return len(self.requests)

    def answer(self) -> float:
        """Answer the open question; return how long it took."""
        z, params, (lane, topic) = self.requests[self.answered]
        self.answered += 1
        draft = params.get("draft") is True
        seconds = len(z) * self.cost_s
        body = Result({"images": picture(z) + draft}, {"draft": True} if draft else {})
        self.model_client.receive(Response(lane, self.answered, "decode", 3, body, seconds, topic))
        return seconds

    @property
    def waits(self) -> bool:
        return self.answered < len(self.requests)


PLANE = axis_plane(8, 0, 1)

SHAPE = (1, 28, 28)

VIEW = views.home("z", 560, 420)


def _tile_loader(cost_s: float = 0.005) -> tuple[_Slow, TileLoader]:
    slow = _Slow(cost_s)
    return slow, TileLoader(RequestGroup(slow.model_client, "test"))


def _whole(mosaic: Mosaic, plane: LatentPlane = PLANE) -> Any:
    whole = Mosaic(mosaic.grid, SHAPE, 3)
    z = plane.unproject(whole.grid.centers(whole.grid.cells())).astype(np.float32)
    whole.fill(whole.grid.cells(), picture(z))
    return whole.pixels


def test_a_slow_decoder_draws_some_tiles_first_and_then_all_from_the_middle() -> None:
    slow, tile_loader = _tile_loader()
    tile_loader.show(VIEW, SHAPE, 3, 15, PLANE)
    visible = layout(VIEW, SHAPE[1:], 15)
    assert visible is not None
    slow.answer()
    first = tile_loader.mosaic
    assert first is not None and 0 < first.decoded.sum() == len(slow.requests[0][0]) <= 16 and slow.waits
    assert np.all(np.ptp(np.argwhere(first.decoded), axis=0) >= np.array(first.decoded.shape) / 2)  # all over the plane
    shares = []
    while slow.waits:
        assert slow.answer() <= 0.1 and tile_loader.mosaic is not None
        shares.append(tile_loader.mosaic.decoded.mean())
    mosaic = tile_loader.mosaic
    assert (
        mosaic is not None
        and mosaic.is_complete(visible, exactly=True)
        and shares == sorted(shares)
        and len(shares) > 3
    )
    np.testing.assert_array_equal(mosaic.pixels, _whole(mosaic))
    assert sum(len(z) for z, _, _ in slow.requests) == len(mosaic.grid.cells())  # nothing was decoded twice


def test_tiles_that_are_there_stand_for_their_neighbors() -> None:
    slow, tile_loader = _tile_loader()
    tile_loader.show(VIEW, SHAPE, 3, 15, PLANE)
    slow.answer()
    mosaic = tile_loader.mosaic
    assert mosaic is not None and not mosaic.decoded.all()
    known, whole = np.argwhere(mosaic.decoded), _whole(mosaic)
    for row, column in np.ndindex(*mosaic.decoded.shape):
        place = mosaic.pixels[row * 28 + 20, column * 28 + 9]
        away = ((known - (row, column)) ** 2).sum(axis=1)
        assert place in {whole[r * 28 + 20, c * 28 + 9] for r, c in known[away == away.min()]}


def test_while_something_moves_a_slow_decoder_is_asked_for_some_tiles_only() -> None:
    slow, tile_loader = _tile_loader()
    tile_loader.show(VIEW, SHAPE, 3, 15, PLANE)
    slow.answer()
    slow.answer()
    for push in (0.1, 0.2, 0.3):
        tile_loader.show(VIEW, SHAPE, 3, 15, PLANE.shifted(np.full(8, push)), moving=True)
        while slow.waits:
            assert slow.answer() <= 0.1
    before = len(slow.requests)
    moved = PLANE.shifted(np.full(8, 0.4))
    tile_loader.show(VIEW, SHAPE, 3, 15, moved, moving=True)
    slow.answer()
    assert len(slow.requests) == before + 1 and np.allclose(slow.requests[-1][0][:, 7], 0.4)  # and no more than that
    tile_loader.show(VIEW, SHAPE, 3, 15, moved)
    assert len(slow.requests) == before + 2  # it rests: now all of them


def test_what_moves_on_overtakes_what_is_still_missing() -> None:
    slow, tile_loader = _tile_loader(0.00015)  # 50 ms a picture
    tile_loader.show(VIEW, SHAPE, 3, 20, PLANE)
    while slow.waits:
        slow.answer()
    for push in (0.1, 0.3):
        tile_loader.show(VIEW, SHAPE, 3, 20, PLANE.shifted(np.full(8, push)), moving=True)
        z, mosaic = slow.requests[-1][0], tile_loader.mosaic
        assert slow.answer() <= MAX_MOVING_REQUEST_S and mosaic is not None  # a coarse picture
        assert len(select_stride(mosaic.grid.cells(), (2, 2))) == len(z) and np.allclose(z[:, 7], push)
        tile_loader.show(VIEW, SHAPE, 3, 20, PLANE.shifted(np.full(8, push + 0.05)), moving=True)
        assert (
            np.allclose(slow.requests[-1][0][:, 7], push) and slow.answer() <= MAX_MOVING_REQUEST_S
        )  # it was under way,
        while slow.waits:  # but nothing more of it is requested
            assert np.allclose(slow.requests[-1][0][:, 7], push + 0.05) and slow.answer() <= MAX_MOVING_REQUEST_S
    moved = PLANE.shifted(np.full(8, 0.35))
    mosaic = tile_loader.mosaic
    assert mosaic is not None and mosaic.decoded.all() and not mosaic.exact.any()
    np.testing.assert_array_equal(mosaic.pixels, _whole(mosaic, moved) + 1)


def test_at_rest_drafts_give_way_to_exact_pictures() -> None:
    slow, tile_loader = _tile_loader(0.00015)
    tile_loader.show(VIEW, SHAPE, 3, 20, moving=True)
    while slow.waits:
        slow.answer()
    drafted = len(slow.requests)
    assert tile_loader.mosaic is not None and tile_loader.mosaic.decoded.all() and not tile_loader.mosaic.exact.any()
    tile_loader.show(VIEW, SHAPE, 3, 20, moving=True)
    assert len(slow.requests) == drafted  # known well enough as long as it moves
    tile_loader.show(VIEW, SHAPE, 3, 20)
    while slow.waits:
        assert "draft" not in slow.requests[-1][1] and slow.answer() <= MAX_REQUEST_S
    mosaic = tile_loader.mosaic
    assert mosaic is not None and mosaic.exact.all()
    np.testing.assert_array_equal(mosaic.pixels, _whole(mosaic, LATENT_2D))
    tile_loader.show(VIEW.panned(60, 0), SHAPE, 3, 20, moving=True)
    slow.answer()
    assert (
        tile_loader.mosaic is not None and 0 < tile_loader.mosaic.exact.sum() < tile_loader.mosaic.exact.size
    )  # the rim alone


def test_a_fast_decoder_is_asked_once() -> None:
    slow, tile_loader = _tile_loader()
    tile_loader.show(VIEW, SHAPE, 3, 15)
    visible = layout(VIEW, SHAPE[1:], 15)
    assert visible is not None and len(slow.requests[0][0]) == visible.rows * visible.columns
