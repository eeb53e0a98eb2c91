"""Whole screens against reviewed snapshots; `pytest --snapshot-update` replaces them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.fixtures.fake_run import write_run
from tests.genexplorer.dashboard.conftest import MakeApp, shows

Compare = Callable[..., bool]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lost run and a finished one."""
    runs = tmp_path_factory.mktemp("two")
    write_run(runs, name="red-elm", state="lost", steps=700, pictures=False)
    write_run(runs, name="brave-fox", steps=2500)
    return runs


@pytest.fixture(autouse=True)
def _frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genexplorer.session.formatting.clock", lambda _: "14:02:11")


def after(*keys: str, text: str) -> Callable[[Pilot[None]], object]:
    """Return a callback that presses keys and waits for a text."""

    async def prepare(pilot: Pilot[None]) -> None:
        await shows(pilot, "train −", "14:02:11")
        await pilot.press(*keys)
        await shows(pilot, text)
        await pilot.pause()

    return prepare


def test_curves_small(snap_compare: Compare, make_app: MakeApp, two: Path) -> None:
    app = make_app(two, clock=lambda: 0.0)
    assert snap_compare(app, terminal_size=(80, 24), run_before=after("plus", "plus", "[", text="viewing step 2,000"))


def test_curves_beside_images_in_light(snap_compare: Compare, make_app: MakeApp, two: Path) -> None:
    app = make_app(two, clock=lambda: 0.0, dark=False)
    assert snap_compare(app, terminal_size=(120, 36), run_before=after(text="Alerts (1)"))


def test_theory(snap_compare: Compare, make_app: MakeApp, two: Path) -> None:
    app = make_app(two, clock=lambda: 0.0)
    assert snap_compare(app, terminal_size=(80, 24), run_before=after("6", text="x ─▶ μ"))
