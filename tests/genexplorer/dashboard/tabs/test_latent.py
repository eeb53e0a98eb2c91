"""The latent plane, for every family, on images and on 2-D data."""

import json
from pathlib import Path

import pytest
from textual.pilot import Pilot

from genexplorer.dashboard.charts.scatter import LatentPlaneView, ScatterView
from genexplorer.dashboard.images.half_blocks import HalfBlockImage
from genexplorer.dashboard.tabs.latent import no_plane_reason
from genexplorer.runs.reader import RunReader
from tests.fixtures.fake_run import card, write_run
from tests.genexplorer.dashboard.conftest import SMALL, MakeApp, main_of, select, shows, until
from trainers.model_card import Capability


def plane_text(pilot: Pilot[None], selector: str = "#plane") -> str:
    view = main_of(pilot).query_one(selector, ScatterView)
    return "\n".join(view.render_line(y).text for y in range(view.size.height))


def decoded_image(pilot: Pilot[None]) -> object:
    return main_of(pilot).query_one("#decoded", HalfBlockImage).image


async def test_2d_latent(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=SMALL) as pilot:
        await shows(pilot, "✓ Succeeded")
        await pilot.press("w")
        await shows(pilot, "z = (0.00, 0.00)", "z₁", "z₂", "▀▀▀")
        await until(pilot, lambda: "7" in plane_text(pilot), "the digit 7")
        before = decoded_image(pilot)
        await pilot.press("right", "up")
        await shows(pilot, "z = (0.10, 0.10)")
        assert decoded_image(pilot) is not before
        await pilot.press("shift+left", "0")
        await shows(pilot, "z = (0.00, 0.00)")
        await pilot.click(LatentPlaneView, offset=(10, 2))
        await until(pilot, lambda: main_of(pilot).query_one(LatentPlaneView).position[0] < -1)


async def test_run_without_a_snapshot(make_app: MakeApp, many: Path) -> None:
    async with make_app(many).run_test(size=SMALL) as pilot:
        await select(pilot, "new-oak")
        await pilot.press("5")
        await shows(pilot, "Waiting for the first snapshot.")


async def test_planes_of_a_larger_latent(make_app: MakeApp, families: Path) -> None:
    async with make_app(families).run_test(size=SMALL) as pilot:
        await select(pilot, "flow")
        await pilot.press("w")
        await shows(pilot, "a, b = (0.00, 0.00)", "principal plane, 25% + 12%", "▀▀▀", "e plane")
        await until(pilot, lambda: "7" in plane_text(pilot), "the digit 7")
        before = decoded_image(pilot)
        await pilot.press("right", "up")
        await shows(pilot, "a, b = (0.10, 0.10)")
        assert decoded_image(pilot) is not before
        await pilot.press("e")
        await shows(pilot, "z₄₂, z₇ = (0.10, 0.10)", "KL 3.50, 3.00 nats")
        assert "z₄₂" in plane_text(pilot) and "z₇" in plane_text(pilot)
        await pilot.press("e")
        await shows(pilot, "z₁, z₂ = ", "KL 2.00, 1.00 nats")
        await pilot.press("e")
        await shows(pilot, "principal plane")


async def test_model_without_an_encoder_has_rings_in_place_of_points(make_app: MakeApp, families: Path) -> None:
    async with make_app(families).run_test(size=SMALL) as pilot:
        await select(pilot, "gan")
        await pilot.press("w")
        await shows(pilot, "most influential directions", "rings: 1σ, 2σ of z")
        assert "7" not in plane_text(pilot) and "·" in plane_text(pilot)


@pytest.mark.parametrize(("name", "has_encoder"), [("flow-points", True), ("gan-points", False)])
async def test_2d_data(make_app: MakeApp, families: Path, name: str, has_encoder: bool) -> None:
    async with make_app(families).run_test(size=SMALL) as pilot:
        await select(pilot, name)
        await pilot.press("w")
        await shows(pilot, "z = (0.00, 0.00) → x = (0.00, 0.00)", "x₁", "x₂")
        await until(pilot, lambda: "7" in plane_text(pilot, "#decoded-point"), "the point of the data")
        await until(pilot, lambda: ("7" in plane_text(pilot)) == has_encoder, "the encodings")
        await pilot.press("left", "e")
        await shows(pilot, "x = (−0.20, 0.00)", "only one plane")
        assert main_of(pilot).query_one("#decoded-point", ScatterView).cursor == pytest.approx((-0.2, 0.0))


async def test_every_run_has_its_own_plane(make_app: MakeApp, families: Path) -> None:
    async with make_app(families).run_test(size=SMALL) as pilot:
        await select(pilot, "flow")
        await pilot.press("w")
        await shows(pilot, "principal plane")
        await select(pilot, "flow-points")
        await shows(pilot, "→ x = (")
        assert not main_of(pilot).query_one("#decoded").display
        await select(pilot, "gan")
        await shows(pilot, "a, b = (", "▀▀▀")
        assert "z₁" not in plane_text(pilot) and main_of(pilot).query_one(LatentPlaneView).display


def test_reasons_for_no_plane() -> None:
    one_dimension = card(0).model_copy(update={"latent_shape": (1,)})
    assert "this model has 1" in no_plane_reason(one_dimension)
    no_decoder = {"decode": Capability(available=False, reason="no decoder")}
    assert no_plane_reason(card(0).model_copy(update={"capabilities": no_decoder})) == "no decoder"
    assert no_plane_reason(card(0, "flow")) == no_plane_reason(card(0)) == ""


async def test_class_names_are_shown_literally(make_app: MakeApp, tmp_path: Path) -> None:
    folder = write_run(tmp_path, name="brave-fox", steps=700, pictures=False)
    hostile = ("<b>x</b>", "[red]x[/red]", "\x1b[31mred", "a\nb", "d", "e", "f", "[bold]seven[/]")
    for file in folder.glob("snapshots/*/card.json"):
        values = json.loads(file.read_text())
        values["data"]["class_names"] = hostile
        file.write_text(json.dumps(values))
    async with make_app(tmp_path).run_test(size=SMALL) as pilot:
        await shows(pilot, "✓ Succeeded")
        await pilot.press("w")
        await shows(pilot, "7 [bold]seven[/]")
    names = RunReader(folder).card().data.class_names
    assert names == ("<b>x</b>", "[red]x[/red]", "red", "a b", "d", "e", "f", "[bold]seven[/]")
