"""'Copy as command': command lines that reproduce the content of a tab."""

import contextlib
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainers.config import RunConfig


_DATA_KEYS = ("data.name", "data.path")
_LENGTH_FLAGS = ("epochs", "steps", "minutes")


def manifold(
    run: str,
    *,
    bounds: Sequence[float],
    coords: str = "u",
    axes: tuple[int, int] | None = None,
    through: Sequence[str | Sequence[float]] = (),
    principal: bool = False,
    rows: int = 20,
    columns: int = 20,
    step: int | None = None,
) -> str:
    """Return the command that draws part of the latent plane, or of a plane in a larger latent space.

    Args:
        run: The run's id or name.
        bounds: x0, x1, y0, y1 in `coords`, or along the axes of the plane.
        coords: "z" or "u"; only "z" in a larger latent space.
        axes: Plane of two latent dimensions.
        through: Plane through three latents, each a seed, "7", a test image, "test:12", or coordinates.
        principal: Plane of the two principal components.
        rows: Images from top to bottom.
        columns: Images from left to right.
        step: Step of the snapshot; None is the newest.
    """
    grid = _flag_unless_default(20, "--rows", rows) + _flag_unless_default(20, "--columns", columns)
    plane: list[object] = ["--coords", coords]
    if axes is not None:
        plane = ["--axes", ",".join(str(axis) for axis in axes)]
    elif through:
        plane = [f"--through={';'.join(_latent_text(latent) for latent in through)}"]
    elif principal:
        plane = ["--principal"]
    return _image_command("manifold", run, *plane, _bounds_flag(bounds), *grid, step=step)


def sample(
    run: str, *, count: int = 64, seed: int = 0, temperature: float = 1.0, columns: int = 8, step: int | None = None
) -> str:
    """Return the command that draws the same samples."""
    options = [
        "--count",
        count,
        "--seed",
        seed,
        *_temperature_flag(temperature),
        *_flag_unless_default(8, "--columns", columns),
    ]
    return _image_command("sample", run, *options, step=step, out="samples.png")


def reconstruct(run: str, *, first: int = 0, count: int = 10, step: int | None = None) -> str:
    """Return the command that draws reconstructions of consecutive test images."""
    return _image_command("reconstruct", run, "--first", first, "--count", count, step=step, out="reconstructions.png")


def interpolate(
    run: str,
    *,
    start: str | Sequence[float],
    end: str | Sequence[float],
    count: int = 9,
    mode: str = "spherical",
    step: int | None = None,
) -> str:
    """Return the command that draws the same interpolation between two latents.

    Args:
        run: The run's id or name.
        start: A seed, "7", a test image, "test:12", or coordinates.
        end: The latent at the other end, given in the same form.
        count: Number of images, both ends included.
        mode: "spherical" or "linear".
        step: Step of the snapshot; None is the newest.
    """
    ends = [f"--from={_latent_text(start)}", f"--to={_latent_text(end)}"]
    path = _flag_unless_default(9, "--count", count) + _flag_unless_default("spherical", "--mode", mode)
    return _image_command("interpolate", run, *ends, *path, step=step, out="interpolation.png")


def trace(
    run: str, *, index: int | None = None, seed: int | None = None, temperature: float = 1.0, step: int | None = None
) -> str:
    """Return the command that draws the same trace through a flow.

    Args:
        run: The run's id or name.
        index: A test image, traced from the data to z.
        seed: Seed of a sample, traced from z to the data.
        temperature: Temperature of that sample.
        step: Step of the snapshot; None is the newest.
    """
    options = _flag_unless_default(None, "--index", index)
    if seed is not None:
        options += ["--direction", "inverse", "--seed", seed, *_temperature_flag(temperature)]
    return _image_command("trace", run, *options, step=step)


def invert(
    run: str,
    *,
    first: int = 0,
    count: int = 10,
    steps: int = 200,
    restarts: int = 8,
    near: bool = True,
    step: int | None = None,
) -> str:
    """Return the command that inverts test images by optimization and draws their reconstructions."""
    search = (
        _flag_unless_default(200, "--steps", steps)
        + _flag_unless_default(8, "--restarts", restarts)
        + ([] if near else ["--prior", 0])
    )
    return _image_command("invert", run, "--first", first, "--count", count, *search, step=step, out="inversions.png")


def density(
    run: str,
    *,
    bounds: Sequence[float] | None = None,
    of: str = "",
    count: int = 1000,
    seed: int = 0,
    step: int | None = None,
) -> str:
    """Return the command that draws the log-density as a heat map, with samples.

    Args:
        run: The run's id or name.
        bounds: x0, x1, y0, y1; None is the range of the data.
        of: "model", "truth" or "nothing"; empty is the model's if it has one.
        count: Number of samples.
        seed: Seed of the samples.
        step: Step of the snapshot; None is the newest.
    """
    window = [] if bounds is None else [_bounds_flag(bounds)]
    samples = _flag_unless_default(1000, "--count", count) + _flag_unless_default(0, "--seed", seed)
    return _image_command("density", run, *_flag_unless_default("", "--of", of), *window, *samples, step=step)


def progress(run: str, *, kind: str = "") -> str:
    """Return the command that writes an animation of the training."""
    return _image_command("progress", run, *_flag_unless_default("", "--kind", kind), out="progress.gif")


def image(command: str, run: str) -> str:
    """Return the shortest command that draws an image of a run: "manifold", "sample", "reconstruct", …"""
    return _image_command(command, run)


def view(run: str) -> str:
    """Return the command that opens the viewer on a run."""
    return _command_line("view", run)


def share(run: str, step: int | None = None) -> str:
    """Return the command that writes a page of a run."""
    return _command_line("share", run, *_flag_unless_default(None, "--step", step))


def export_run(run: str) -> str:
    """Return the command that writes a run as a light zip file."""
    return _command_line("runs", "export", run, "--light")


def show(run: str) -> str:
    """Return the command that prints a run's state."""
    return _command_line("runs", "show", run)


def train(config: "RunConfig", name: str = "") -> str:
    """Return the command that starts the same training: the preset and the settings that differ from it.

    Args:
        config: The configuration.
        name: The name of the run; empty for an automatic one.

    Raises:
        ConfigError: if the preset is unknown.
    """
    from trainers import registry
    from trainers.errors import UserError
    from trainers.presets import assemble, flatten, from_dotted, unset_keys

    base, dataset = assemble(config.preset), registry.dataset(config.data.name)
    defaults = flatten(base.model_dump(mode="json"))
    if config.data.name != base.data.name:
        fields = dataset.options.model_fields.items()
        defaults |= {f"data.{key}": field.default for key, field in fields if f"data.{key}" not in defaults}
    from_folder = dataset.reads_path  # then --data is the path
    options: list[object] = []
    for key, value in flatten(config.model_dump(mode="json")).items():
        is_default = key in defaults and defaults[key] == value
        if is_default or value is None or key in ("preset", "schema_version", "data.name"):
            continue
        flag = key.removeprefix("schedule.")
        if flag in _LENGTH_FLAGS or key == "seed":
            options += [f"--{flag}", _value_text(value)]
        elif key == "data.path" and from_folder:
            options += ["--data", _value_text(value)]
        else:
            options += ["--set", f"{key}={_value_text(value)}"]
    for key in unset_keys(config):
        options += ["--set", f"{key}=none"]
    if config.data.name != base.data.name and not from_folder:
        options += ["--data", config.data.name]
    # Settings that are those of the preset, but not those that the family would choose for these data.
    if config.data.name != base.data.name:
        listed = {str(option).partition("=")[0] for option in options}
        flat = flatten(config.model_dump(mode="json"))
        same = {k: v for k, v in flat.items() if k in listed or k.startswith("schedule.") or k in _DATA_KEYS}
        with contextlib.suppress(UserError):  # data that cannot be read now
            followed = flatten(assemble(config.preset, from_dotted(same)).model_dump(mode="json"))
            changed = [key for key, value in flat.items() if key in followed and followed[key] != value]
            options += [o for key in changed for o in ("--set", f"{key}={_value_text(flat[key])}")]
    if name:
        options += ["--name", name]
    return _command_line("train", config.preset, *options)


def _value_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_value_text(item) for item in value) + "]"
    return str(value)


def _bounds_flag(bounds: Sequence[float]) -> str:
    # "=" keeps a value that starts with a minus sign from being parsed as an option.
    return f"--bounds={','.join(f'{edge:.6g}' for edge in bounds)}"


def _temperature_flag(temperature: float) -> list[object]:
    return [] if temperature == 1 else ["--temperature", f"{temperature:.6g}"]


def _latent_text(latent: str | Sequence[float]) -> str:
    return latent if isinstance(latent, str) else ",".join(f"{number:.9g}" for number in latent)


def _flag_unless_default(default: object, flag: str, value: object) -> list[object]:
    return [] if value == default else [flag, value]


def _image_command(command: str, run: str, *options: object, step: int | None = None, out: str = "") -> str:
    return _command_line(
        command, run, *options, *_flag_unless_default(None, "--step", step), "--out", out or f"{command}.png"
    )


def _command_line(*words: object) -> str:
    return shlex.join(["genexplorer", *(str(word) for word in words)])


def with_runs_dir(command: str, runs_dir: Path | None) -> str:
    """Return a command that finds its run from any working directory."""
    if runs_dir is None:
        return command
    return f"{command} --runs-dir {shlex.quote(str(runs_dir))}"
