"""'Copy as command': the command line that makes what a face shows, ready for a shell."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from trainers.config import RunConfig

_LENGTHS = ("epochs", "steps", "minutes")


def manifold(
    run: str,
    *,
    bounds: Sequence[float],
    coords: str = "u",
    rows: int = 20,
    columns: int = 20,
    step: int | None = None,
    out: str = "manifold.png",
) -> str:
    """Return the command that draws a window on the latent plane.

    Args:
        run: The run's id or name.
        bounds: x0, x1, y0, y1 in `coords`.
        coords: "z" or "u".
        rows: Images from top to bottom.
        columns: Images from left to right.
        step: Of the snapshot; None is the newest.
        out: The file to write.
    """
    # "=" keeps a shell word that begins with a minus sign from being taken for an option
    window = f"--bounds={','.join(_number(edge) for edge in bounds)}"
    shape = _unless(20, "--rows", rows) + _unless(20, "--columns", columns)
    return _line("manifold", run, "--coords", coords, window, *shape, *_step(step), "--out", out)


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


def progress(run: str, *, kind: str = "", out: str = "progress.gif") -> str:
    """Return the command that makes a film of the training."""
    return _line("progress", run, *(["--kind", kind] if kind else []), "--out", out)


def picture(what: str, run: str) -> str:
    """Return the shortest command that draws a picture of a run: `what` is "manifold", "sample" or "reconstruct"."""
    return _line(what, run, "--out", f"{what}.png")


def view(run: str) -> str:
    """Return the command that opens the viewer on a run."""
    return _line("view", run)


def show(run: str) -> str:
    """Return the command that prints a run's state."""
    return _line("runs", "show", run)


def train(config: RunConfig, *, name: str = "") -> str:
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


def _setting(key: str, value: object, config: RunConfig) -> list[object]:
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


def _step(step: int | None) -> list[object]:
    return [] if step is None else ["--step", step]


def _unless(usual: int, flag: str, value: int) -> list[object]:
    return [] if value == usual else [flag, value]


def _line(*words: object) -> str:
    return shlex.join(["genexplorer", *(str(word) for word in words)])


def with_runs_dir(command: str, runs_dir: Path | None) -> str:
    """Return a command that finds its run whatever the folder it is typed in."""
    if runs_dir is None:
        return command
    return f"{command} --runs-dir {shlex.quote(str(runs_dir))}"
