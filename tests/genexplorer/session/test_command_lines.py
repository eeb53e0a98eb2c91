"""Commands to copy: the command line accepts each of them."""

import shlex
from pathlib import Path

import pytest

from genexplorer.session import command_lines
from genexplorer.session.new_run import NewRunForm
from genexplorer.session.settings_text import parse_settings
from trainers.presets import assemble, from_dotted

RUN = "brave fox; rm -rf ~"


def split(command: str) -> list[str]:
    parts = shlex.split(command)
    assert parts[0] == "genexplorer"
    return parts[1:]


def test_a_name_is_quoted_for_the_shell() -> None:
    assert split(command_lines.view(RUN)) == ["view", RUN]
    assert split(command_lines.show(RUN)) == ["runs", "show", RUN]


def test_part_of_the_manifold() -> None:
    line = command_lines.manifold("fox", bounds=(-1.5, 2, -0.25, 1e-4), coords="z", rows=30, columns=20, step=1000)
    assert split(line) == [
        "manifold", "fox", "--coords", "z", "--bounds=-1.5,2,-0.25,0.0001", "--rows", "30", "--step", "1000",
        "--out", "manifold.png",
    ]  # fmt: skip


def test_samples_reconstructions_and_the_animation() -> None:
    assert command_lines.sample("fox", seed=3, temperature=0.7) == (
        "genexplorer sample fox --count 64 --seed 3 --temperature 0.7 --out samples.png"
    )
    assert command_lines.reconstruct("fox", first=42, count=1, step=0) == (
        "genexplorer reconstruct fox --first 42 --count 1 --step 0 --out reconstructions.png"
    )
    assert command_lines.progress("fox", kind="samples") == "genexplorer progress fox --kind samples --out progress.gif"


def test_the_runs_folder_is_appended() -> None:
    line = command_lines.with_runs_dir(command_lines.view("fox"), Path("/my runs"))
    assert split(line) == ["view", "fox", "--runs-dir", "/my runs"]
    assert command_lines.with_runs_dir("x", None) == "x"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"length": "3"},
        {"unit": "minutes", "length": "2.5", "seed": "9"},
        {"settings": "model.beta=0.5 model.hidden=[64,32] optim.name=sgd execution.deterministic=true"},
        {"settings": "optim.grad_clip=1.5 data.binarization=static model.architecture=conv"},
    ],
)
def test_the_command_of_a_training_gives_the_same_configuration(values: dict[str, str]) -> None:
    form = NewRunForm("vae-2d")
    for key, value in values.items():
        form.set(key, value)
    config = form.validate()
    command = split(command_lines.train(config))
    assert command[:2] == ["train", "vae-2d"]
    assert _understood(command[2:]) == config.model_dump(mode="json")


def _understood(options: list[str]) -> dict[str, object]:
    """Read the options as the command line does."""
    layers = []
    for flag, value in zip(options[::2], options[1::2], strict=True):
        text = value if flag == "--set" else f"{'seed' if flag == '--seed' else 'schedule.' + flag[2:]}={value}"
        layers.append(from_dotted(parse_settings(shlex.quote(text))))
    return assemble("vae-2d", *layers).model_dump(mode="json")


def test_planes_interpolations_traces_and_densities() -> None:
    line = command_lines.manifold("fox", bounds=(-3, 3, -3, 3), through=("7", "test:3", (-1, 0.5)))
    assert split(line)[2:4] == ["--through=7;test:3;-1,0.5", "--bounds=-3,3,-3,3"]
    assert command_lines.interpolate("fox", start="7", end=(-1.5, 2)) == (
        "genexplorer interpolate fox --from=7 --to=-1.5,2 --out interpolation.png"
    )
    assert command_lines.trace("fox", index=7, step=3) == "genexplorer trace fox --index 7 --step 3 --out trace.png"
    assert command_lines.trace("fox", seed=2, temperature=0.5) == (
        "genexplorer trace fox --direction inverse --seed 2 --temperature 0.5 --out trace.png"
    )
    assert command_lines.density("fox") == "genexplorer density fox --out density.png"
