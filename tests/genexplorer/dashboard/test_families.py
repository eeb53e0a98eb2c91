"""Curves, theory and samples of every family, on images and on 2-D data, and a preset that fails on purpose."""

from pathlib import Path

import pytest

from genexplorer.dashboard.details import TiledImage
from genexplorer.dashboard.images.half_blocks import HalfBlockImage
from tests.genexplorer.dashboard.conftest import (
    KINDS,
    SMALL,
    WIDE,
    MakeApp,
    main_of,
    select,
    shows,
    text_of,
    until,
)
from trainers import registry


@pytest.mark.parametrize("size", [SMALL, WIDE])
@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("gan", ("real + 0.", "fake", "· L_G 0.", "losses (nats)", " D 1.", " G 0.", "1 alert, press d")),
        ("flow", ("bits/dim", "prior − 0.5", "log-det", "bits per dimension (bits/dim)", "test ", "train ")),
        ("flow-points", ("prior − ", "log-det", "(nats)", "moons", "test ", "train ")),
        ("vae-points", ("ELBO", "KL", "moons")),
    ],
)
async def test_curves_and_objective(
    make_app: MakeApp, families: Path, name: str, texts: tuple[str, ...], size: tuple[int, int]
) -> None:
    async with make_app(families).run_test(size=size) as pilot:
        await select(pilot, name)
        await shows(pilot, *texts)
        objective = text_of(pilot).splitlines()[1]
        assert "…" not in objective


async def test_lines_of_a_shared_chart_have_names(make_app: MakeApp, families: Path) -> None:
    async with make_app(families).run_test(size=SMALL) as pilot:
        await select(pilot, "gan")
        await shows(pilot, "losses (nats)")
        await pilot.press("m")
        await shows(pilot, "mean logit", "diversity")
        await pilot.press("escape")
        main_of(pilot).action_show_quantity("fake_logits")  # as a click on the term does
        await shows(pilot, "mean logit", "real 1.", "fake −1.")


async def test_theory_has_the_metrics_beside_the_objective(make_app: MakeApp, families: Path) -> None:
    async with make_app(families).run_test(size=(120, 60)) as pilot:
        await select(pilot, "gan")
        await pilot.press("6")
        await shows(pilot, "L_D = ", "E[−log σ(D(x))]", "L_G", "diversity", "accuracy on real", "z ─▶")
        await select(pilot, "flow")
        await shows(pilot, "−log₂ p(z) / D", "log-det", "Dinh et al. 2017")


@pytest.mark.parametrize("name", KINDS)
async def test_samples_of_every_family(make_app: MakeApp, families: Path, name: str) -> None:
    async with make_app(families).run_test(size=SMALL) as pilot:
        await select(pilot, name)
        await pilot.press("2")
        await shows(pilot, "samples", "▀▀▀", "step 1,100")
        if name == "flow":
            await pilot.press("k", "k")
            await shows(pilot, "trace: x → z", "▀▀▀")


async def test_samples_of_the_same_latents_over_time(make_app: MakeApp, families: Path) -> None:
    async with make_app(families).run_test(size=WIDE) as pilot:

        def image() -> TiledImage:
            image = main_of(pilot).query_one("SamplesPane HalfBlockImage", HalfBlockImage).image
            assert image is not None
            return image

        await select(pilot, "gan")
        await pilot.press("2")
        await shows(pilot, "losses (nats)", "12 of 12")
        newest = image()
        await pilot.press("[", "[")
        await shows(pilot, "10 of 12", "step 500", "┊", "○ paused")
        assert image().step == 500 < newest.step
        await pilot.click("#beside-samples", offset=(12, 5))
        await until(pilot, lambda: (main_of(pilot).step_selection.selected_step or 500) < 500, "the clicked step")


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_what_to_watch_in_a_failing_preset(make_app: MakeApp, families: Path, size: tuple[int, int]) -> None:
    text = f"Fails on purpose: {registry.preset('vae-collapse').expected_failure.split()[0]}"
    async with make_app(families).run_test(size=size) as pilot:
        await select(pilot, "collapsed")
        await shows(pilot, text)
        await pilot.press("d")
        await shows(pilot, "collapsed: diagnosis", text)
