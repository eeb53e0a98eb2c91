"""Every family, on images and on points, in every tab; presets that fail on purpose; the gallery."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Select

from genexplorer.dashboard.app import DashboardApp
from genexplorer.dashboard.deeds import SessionDeeds
from genexplorer.dashboard.images.pane import HalfBlockImage
from genexplorer.dashboard.images.plane import LatentPlaneView, ScatterView
from genexplorer.dashboard.preferences import remember_dark, remembered_dark
from genexplorer.dashboard.screens.gallery import GalleryScreen
from genexplorer.dashboard.screens.new_run import NewRunScreen
from genexplorer.dashboard.tabs.latent_planes import unwalkable
from genexplorer.runs.record import RunStatus, State
from tests.fixtures.fake_families import MadeUpKind
from tests.fixtures.fake_run import card, write_run
from tests.genexplorer.dashboard.conftest import SMALL, choose, main_of, shows, text_of, until
from trainers import registry
from trainers.model_card import Capability

MakeApp = Callable[..., DashboardApp]
WIDE = (120, 36)
KINDS: tuple[MadeUpKind, ...] = ("vae-points", "gan", "flow", "gan-points", "flow-points")


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run of each kind, named by it, and one of a preset that fails on purpose."""
    runs = tmp_path_factory.mktemp("families")
    write_run(runs, name="collapsed", preset="vae-collapse", steps=700, pictures=False)
    for kind in KINDS:
        write_run(runs, kind=kind, name=kind, steps=1100)
    return runs


@pytest.mark.parametrize("size", [SMALL, WIDE])
@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("gan", ("real + 0.", "fake", "· L_G 0.", "losses (nats)", " D 1.", " G 0.", "1 alert, d reads")),
        ("flow", ("bits/dim", "prior − 0.5", "log-det", "bits per dimension (bits/dim)", "test ", "train ")),
        ("flow-points", ("prior − ", "log-det", "(nats)", "moons", "test ", "train ")),
        ("vae-points", ("ELBO", "KL", "moons")),
    ],
)
async def test_curves_and_objective(
    make_app: MakeApp, families: Path, name: str, texts: tuple[str, ...], size: tuple[int, int]
) -> None:
    async with make_app(families).run_test(size=size) as pilot:
        await choose(pilot, name)
        await shows(pilot, *texts)
        objective = text_of(pilot).splitlines()[1]
        assert "…" not in objective


async def test_lines_of_a_shared_chart_have_names(make_app: MakeApp, families: Path) -> None:
    async with make_app(families).run_test(size=SMALL) as pilot:
        await choose(pilot, "gan")
        await shows(pilot, "losses (nats)")
        await pilot.press("m")
        await shows(pilot, "mean logit", "diversity")
        await pilot.press("escape")
        main_of(pilot).action_curve("fake_logits")  # as a click on the term does
        await shows(pilot, "mean logit", "real 1.", "fake −1.")


async def test_the_theory_has_the_figures_beside_the_objective(make_app: MakeApp, families: Path) -> None:
    async with make_app(families).run_test(size=(120, 60)) as pilot:
        await choose(pilot, "gan")
        await pilot.press("6")
        await shows(pilot, "L_D = ", "E[−log σ(D(x))]", "L_G", "diversity", "accuracy on real", "z ─▶")
        await choose(pilot, "flow")
        await shows(pilot, "−log₂ p(z) / D", "log-det", "Dinh et al. 2017")


@pytest.mark.parametrize("name", KINDS)
async def test_samples_of_every_family(make_app: MakeApp, families: Path, name: str) -> None:
    async with make_app(families).run_test(size=SMALL) as pilot:
        await choose(pilot, name)
        await pilot.press("2")
        await shows(pilot, "samples", "▀▀▀", "step 1,100")
        if name == "flow":
            await pilot.press("k", "k")
            await shows(pilot, "trace: stage by stage", "▀▀▀")


async def test_the_same_latents_through_training_beside_the_curve(make_app: MakeApp, families: Path) -> None:
    async with make_app(families).run_test(size=WIDE) as pilot:
        await choose(pilot, "gan")
        await pilot.press("2")
        await shows(pilot, "losses (nats)", "12 of 12")
        newest = main_of(pilot).query_one("SamplesPane HalfBlockImage", HalfBlockImage)._picture
        await pilot.press("[", "[")
        await shows(pilot, "10 of 12", "step 500", "┊", "○ held")
        held = main_of(pilot).query_one("SamplesPane HalfBlockImage", HalfBlockImage)._picture
        assert newest is not None and held is not None and held.ref.step == 500 < newest.ref.step
        await pilot.click("#beside-samples", offset=(12, 5))
        await until(pilot, lambda: (main_of(pilot).cursor.position or 500) < 500, "the step that was clicked")


def plane_text(pilot: Pilot[None], where: str = "#plane") -> str:
    view = main_of(pilot).query_one(where, ScatterView)
    return "\n".join(view.render_line(y).text for y in range(view.size.height))


async def test_walk_in_planes_of_more_dimensions(make_app: MakeApp, families: Path) -> None:
    async with make_app(families).run_test(size=SMALL) as pilot:
        await choose(pilot, "flow")
        await pilot.press("w")
        await shows(pilot, "a, b = (0.00, 0.00)", "principal plane, 25% + 12%", "▀▀▀", "e plane")
        await until(pilot, lambda: "7" in plane_text(pilot), "the digit 7")
        before = main_of(pilot).query_one("#decoded", HalfBlockImage)._picture
        await pilot.press("right", "up")
        await shows(pilot, "a, b = (0.10, 0.10)")
        assert main_of(pilot).query_one("#decoded", HalfBlockImage)._picture is not before
        await pilot.press("e")
        await shows(pilot, "z₄₂, z₇ = (0.10, 0.10)", "KL 3.50, 3.00 nats")
        assert "z₄₂" in plane_text(pilot) and "z₇" in plane_text(pilot)
        await pilot.press("e")
        await shows(pilot, "z₁, z₂ = ", "KL 2.00, 1.00 nats")
        await pilot.press("e")
        await shows(pilot, "principal plane")


async def test_walk_without_an_encoder_has_rings_for_points(make_app: MakeApp, families: Path) -> None:
    async with make_app(families).run_test(size=SMALL) as pilot:
        await choose(pilot, "gan")
        await pilot.press("w")
        await shows(pilot, "principal plane", "rings: 1σ, 2σ of z")
        assert "7" not in plane_text(pilot) and "·" in plane_text(pilot)


@pytest.mark.parametrize(("name", "encodes"), [("flow-points", True), ("gan-points", False)])
async def test_walk_moves_a_point_among_the_data(make_app: MakeApp, families: Path, name: str, encodes: bool) -> None:
    async with make_app(families).run_test(size=SMALL) as pilot:
        await choose(pilot, name)
        await pilot.press("w")
        await shows(pilot, "z = (0.00, 0.00) → x = (0.00, 0.00)", "x₁", "x₂")
        drawn = main_of(pilot).query_one("#drawn-point", ScatterView)
        await until(pilot, lambda: "7" in plane_text(pilot, "#drawn-point"), "the point of the data")
        await until(pilot, lambda: ("7" in plane_text(pilot)) == encodes, "the encodings")
        await pilot.press("left", "e")
        await shows(pilot, "x = (−0.20, 0.00)", "There is no other plane")
        assert drawn.cursor == pytest.approx((-0.2, 0.0))


async def test_another_run_is_walked_in_its_own_plane(make_app: MakeApp, families: Path) -> None:
    async with make_app(families).run_test(size=SMALL) as pilot:
        await choose(pilot, "flow")
        await pilot.press("w")
        await shows(pilot, "principal plane")
        await choose(pilot, "flow-points")
        await shows(pilot, "→ x = (")
        assert not main_of(pilot).query_one("#decoded").display
        await choose(pilot, "gan")
        await shows(pilot, "a, b = (", "▀▀▀")
        assert "z₁" not in plane_text(pilot) and main_of(pilot).query_one(LatentPlaneView).display


def test_what_cannot_be_walked_says_why() -> None:
    line = card(0).model_copy(update={"latent_shape": (1,)})
    assert "this model has 1" in unwalkable(line)
    mute = card(0).model_copy(update={"capabilities": {"decode": Capability(available=False, reason="it is mute")}})
    assert unwalkable(mute) == "it is mute"
    assert unwalkable(card(0, "flow")) == unwalkable(card(0)) == ""


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_a_preset_that_fails_on_purpose_says_what_to_look_at(
    make_app: MakeApp, families: Path, size: tuple[int, int]
) -> None:
    words = registry.preset("vae-collapse").watch_for.split()[0]
    async with make_app(families).run_test(size=size) as pilot:
        await choose(pilot, "collapsed")
        await shows(pilot, f"Look at: {words}", *(["What to look at"] if size == WIDE else []))
        await pilot.press("d")
        await shows(pilot, f"What to look at: {words}")


@pytest.mark.parametrize("size", [SMALL, (120, 50)])
async def test_the_gallery_leads_to_a_form_that_is_ready(
    make_app: MakeApp, tmp_path: Path, size: tuple[int, int]
) -> None:
    async with make_app(tmp_path).run_test(size=size) as pilot:
        await shows(pilot, "g opens the gallery")
        await pilot.press("g")
        await shows(pilot, "variational autoencoder", "vae-2d", "4 min", "Expect test ELBO")
        await pilot.press("up")  # from the first to the last
        await until(pilot, lambda: "Expect test ELBO" not in text_of(pilot), "another preset")
        last = list(registry.presets())[-1]
        await shows(pilot, last, "normalizing flow")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, NewRunScreen), "the form")
        screen = pilot.app.screen
        assert isinstance(screen, NewRunScreen) and screen.form["preset"] == last
        await until(pilot, lambda: screen.focused is not None and screen.focused.id == "start", "the focus")
        failing = next(preset.name for preset in registry.presets().values() if preset.watch_for)
        screen.query_one("#field-family", Select).value = registry.preset(failing).family
        await until(pilot, lambda: screen.form["family"] == registry.preset(failing).family)
        screen.query_one("#field-preset", Select).value = failing
        await shows(pilot, "What to look at", "Start (ctrl+s)", "Settings")  # whatever its length, all is seen
        await pilot.press("escape", "g")
        await until(pilot, lambda: isinstance(pilot.app.screen, GalleryScreen), "the gallery again")


async def test_the_look_is_remembered(make_app: MakeApp, families: Path) -> None:
    assert remembered_dark() is None
    async with make_app(families).run_test(size=SMALL) as pilot:
        await pilot.press("D")
        await until(pilot, lambda: remembered_dark() is False)
    assert make_app(families, dark=None).theme == "genexplorer-light"
    remember_dark(True)
    assert make_app(families, dark=None).theme == "genexplorer-dark"


@pytest.mark.parametrize("text", ["", "[]", '{"look": 3}', "{", '{"look": "pink"}'])
def test_a_damaged_memory_is_none(tmp_path: Path, text: str) -> None:
    remember_dark(True)
    (tmp_path / "state" / "dashboard.json").write_text(text)
    assert remembered_dark() is None


def test_commands_follow_what_the_model_can_do(tmp_path: Path) -> None:
    status = RunStatus("run-1", tmp_path / "run-1", "brave-fox", State.SUCCEEDED, "gan", "gan", "mnist")

    def offered(kind: MadeUpKind) -> set[str]:
        lines = SessionDeeds(tmp_path).command_lines(status, None, 500, card(500, kind))
        assert all(line.startswith("genexplorer ") and "run-1" in line for _, line in lines)
        return {name for name, _ in lines} - {"show", "view", "film", "samples", "interpolation"}

    assert offered("vae") == {"manifold", "reconstructions"}
    assert offered("gan") == {"plane", "inversions"}
    assert offered("flow") == {"plane", "reconstructions", "trace"}
    assert offered("gan-points") == {"inversions", "density"}
    unknown = SessionDeeds(tmp_path).command_lines(status, None, None, None)
    assert [name for name, _ in unknown] == ["show", "view", "film"]
