"""'Copy as command': the command line that makes what a face shows, ready for a shell."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainers.config import RunConfig


_LENGTHS = ("epochs", "steps", "minutes")


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
    out: str = "manifold.png",
) -> str:
    """Return the command that draws a window on the latent plane, or on a plane through more dimensions.

    Args:
        run: The run's id or name.
        bounds: x0, x1, y0, y1 in `coords`, or along the directions of the plane.
        coords: "z" or "u"; a plane through more dimensions is always cut in z.
        axes: The plane of two axes.
        through: The plane of three latents, each a seed, "7", a test image, "test:12", or its numbers.
        principal: The plane along which most varies.
        rows: Images from top to bottom.
        columns: Images from left to right.
        step: Of the snapshot; None is the newest.
        out: The file to write.
    """
    # "=" keeps a shell word that begins with a minus sign from being taken for an option
    window = f"--bounds={','.join(_number(edge) for edge in bounds)}"
    shape = _unless(20, "--rows", rows) + _unless(20, "--columns", columns)
    plane: list[object] = ["--coords", coords]
    if axes is not None:
        plane = ["--axes", ",".join(str(axis) for axis in axes)]
    elif through:
        plane = [f"--through={';'.join(_latent(one) for one in through)}"]
    elif principal:
        plane = ["--principal"]
    return _line("manifold", run, *plane, window, *shape, *_step(step), "--out", out)


def sample(
    run: str,
    *,
    count: int = 64,
    seed: int = 0,
    temperature: float = 1.0,
    columns: int = 8,
    step: int | None = None,
    out: str = "samples.png",
) -> str:
    """Return the command that draws the same samples."""
    spread = [] if temperature == 1 else ["--temperature", _number(temperature)]
    width = _unless(8, "--columns", columns)
    return _line("sample", run, "--count", count, "--seed", seed, *spread, *width, *_step(step), "--out", out)


def reconstruct(
    run: str,
    *,
    first: int = 0,
    count: int = 10,
    seed: int | None = None,
    step: int | None = None,
    out: str = "reconstructions.png",
) -> str:
    """Return the command that draws test images above their reconstructions; a seed chooses them at random."""
    which = ["--first", first] if seed is None else ["--seed", seed]
    return _line("reconstruct", run, *which, "--count", count, *_step(step), "--out", out)


def interpolate(
    run: str,
    *,
    start: str | Sequence[float],
    end: str | Sequence[float],
    count: int = 9,
    mode: str = "spherical",
    step: int | None = None,
    out: str = "interpolation.png",
) -> str:
    """Return the command that draws the same way between two latents.

    Args:
        run: The run's id or name.
        start: A seed, "7", a test image, "test:12", or the numbers of a latent, two at least.
        end: Likewise.
        count: Images, both ends included.
        mode: "spherical" or "linear".
        step: Of the snapshot; None is the newest.
        out: The file to write: .png is a row of images; .gif, .webp and .mp4 are films.
    """
    ends = [f"--from={_latent(start)}", f"--to={_latent(end)}"]
    way = [] if mode == "spherical" else ["--mode", mode]
    return _line("interpolate", run, *ends, *_unless(9, "--count", count), *way, *_step(step), "--out", out)


def trace(
    run: str,
    *,
    index: int | None = None,
    seed: int | None = None,
    temperature: float = 1.0,
    direction: str = "",
    step: int | None = None,
    out: str = "trace.png",
) -> str:
    """Return the command that draws the same way through a flow.

    Args:
        run: The run's id or name.
        index: A test image; by default it goes from the data to z.
        seed: Of a sample, which goes from z to the data.
        temperature: Of that sample.
        direction: "forward" or "inverse"; empty is the one that belongs to what is followed.
        step: Of the snapshot; None is the newest.
        out: The file to write.
    """
    start = [] if index is None else ["--index", index]
    way = direction or ("forward" if seed is None else "inverse")
    words = start + _unless_text("forward", "--direction", way)
    if index is None and way == "inverse":
        words += ["--seed", seed or 0, *([] if temperature == 1 else ["--temperature", _number(temperature)])]
    return _line("trace", run, *words, *_step(step), "--out", out)


def invert(
    run: str,
    *,
    first: int = 0,
    count: int = 10,
    steps: int = 200,
    restarts: int = 8,
    near: bool = True,
    seed: int = 0,
    step: int | None = None,
    out: str = "inversions.png",
) -> str:
    """Return the command that searches the latents of test images and draws what they draw."""
    search = _unless(200, "--steps", steps) + _unless(8, "--restarts", restarts) + _unless(0, "--seed", seed)
    search += [] if near else ["--prior", 0]
    return _line("invert", run, "--first", first, "--count", count, *search, *_step(step), "--out", out)


def density(
    run: str,
    *,
    bounds: Sequence[float] | None = None,
    of: str = "",
    count: int = 1000,
    seed: int = 0,
    step: int | None = None,
    out: str = "density.png",
) -> str:
    """Return the command that draws a map of the log-density with samples over it.

    Args:
        run: The run's id or name.
        bounds: x0, x1, y0, y1; None is what holds the data.
        of: "model", "truth" or "nothing"; empty is the model's where it has one.
        count: Samples.
        seed: Of the samples.
        step: Of the snapshot; None is the newest.
        out: The file to write.
    """
    window = [] if bounds is None else [f"--bounds={','.join(_number(edge) for edge in bounds)}"]
    ground = ["--of", of] if of else []
    samples = _unless(1000, "--count", count) + _unless(0, "--seed", seed)
    return _line("density", run, *ground, *window, *samples, *_step(step), "--out", out)


def progress(run: str, *, kind: str = "", out: str = "progress.gif") -> str:
    """Return the command that makes a film of the training."""
    return _line("progress", run, *(["--kind", kind] if kind else []), "--out", out)


def image(command: str, run: str) -> str:
    """Return the shortest command that draws an image of a run: "manifold", "sample", "reconstruct", …"""
    return _line(command, run, "--out", f"{command}.png")


def view(run: str) -> str:
    """Return the command that opens the viewer on a run."""
    return _line("view", run)


def show(run: str) -> str:
    """Return the command that prints a run's state."""
    return _line("runs", "show", run)


def train(config: "RunConfig", *, name: str = "") -> str:
    """Return the command that starts the same training: the preset and what differs from it.

    Raises:
        ConfigError: if the preset is not known here.
    """
    from trainers.presets import assemble

    base = _flat(assemble(config.preset).model_dump(mode="json"))
    asked = _flat(config.model_dump(mode="json"))
    words: list[object] = ["train", config.preset]
    for key, value in asked.items():
        if (key in base and base[key] == value) or key in ("preset", "schema_version"):
            continue
        if value is None or key == "data.name":
            continue
        words += _setting(key, value, config)
    if config.data.name != assemble(config.preset).data.name and config.data.name != "idx":
        words += ["--data", config.data.name]
    return _line(*words, *(["--name", name] if name else []))


def _setting(key: str, value: object, config: "RunConfig") -> list[object]:
    section, _, last = key.rpartition(".")
    if section == "schedule" and last in _LENGTHS:
        return [f"--{last}", _text(value)]
    if key == "seed":
        return ["--seed", _text(value)]
    if key == "data.path" and config.data.name == "idx":
        return ["--data", _text(value)]
    return ["--set", f"{key}={_text(value)}"]


def _flat(tree: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_text(item) for item in value) + "]"
    return str(value)


def _number(value: float) -> str:
    return f"{value:.6g}"


def _latent(end: str | Sequence[float]) -> str:
    return end if isinstance(end, str) else ",".join(f"{number:.9g}" for number in end)


def _step(step: int | None) -> list[object]:
    return [] if step is None else ["--step", step]


def _unless(usual: int, flag: str, value: int) -> list[object]:
    return [] if value == usual else [flag, value]


def _unless_text(usual: str, flag: str, value: str) -> list[object]:
    return [] if value == usual else [flag, value]


def _line(*words: object) -> str:
    return shlex.join(["genexplorer", *(str(word) for word in words)])


def with_runs_dir(command: str, runs_dir: Path | None) -> str:
    """Return a command that finds its run whatever the folder it is typed in."""
    if runs_dir is None:
        return command
    return f"{command} --runs-dir {shlex.quote(str(runs_dir))}"
