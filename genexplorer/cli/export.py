"""`genexplorer export`: a run in formats that other programs read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genexplorer.cli import output
from genexplorer.cli.options import AsJson, OutFile, Run, RunsDir, Step, find_run
from genexplorer.errors import ConfigError

if TYPE_CHECKING:
    from genexplorer.cli.pictures.image_command import OperationResult

_PART_ALIASES = {"forward": "encoder", "inverse": "decoder"}  # as a flow's directions are called
_DEFAULTS: dict[str, Any] = {
    "seed": 0,
    "count": 1000,
    "part": "decoder",
    "weights": "ema",
    "follow": False,
    "with": (),
    "quantity": "",
    "x": "step",
    "width": "column",
    "font": "serif",
    "log": False,
    "step": None,
}
_CHOICES = {  # the allowed values of an option that is a choice
    "weights": ("ema", "raw"),
    "x": ("step", "images", "time"),
    "width": ("column", "page"),
    "font": ("serif", "sans-serif"),
}


@dataclass(frozen=True)
class _Job:
    """One export.

    Args:
        run: The run, as it was named.
        runs_dir: Value of --runs-dir.
        folder: The run folder.
        out: The file or folder to write.
        options: The values of the options that the format takes, by name.
    """

    run: str
    runs_dir: Path | None
    folder: Path
    out: Path
    options: Mapping[str, Any]

    def request(
        self, op: str, params: Mapping[str, object], *, capability: str, suffix: str
    ) -> "tuple[OperationResult, int]":
        """Return the model's result of an operation, and the step of the snapshot."""
        from genexplorer.cli.pictures.image_command import ImageCommand

        with ImageCommand(
            *(self.run, self.out, self.options["step"], self.runs_dir), capability=capability, formats={suffix: op}
        ) as command:
            result = command.request(op, params)
        return result, int(result.file_metadata["step"])


@dataclass(frozen=True)
class _Format:
    """A format.

    Args:
        suffixes: Those of its files, the default first; none for a folder.
        help: What it contains.
        write: Writes it, and returns facts about it.
        options: Names of the options that it takes.
    """

    suffixes: tuple[str, ...]
    help: str
    write: Callable[[_Job], Mapping[str, Any]]
    options: tuple[str, ...] = ()


def export(
    run: Run,
    format_name: Annotated[str, typer.Argument(metavar="FORMAT", help="See below.")],
    out: OutFile = None,
    step: Step = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Of samples: the seed (0).")] = None,
    count: Annotated[
        int | None, typer.Option("--count", min=1, max=10_000, help="Number of samples or latents (1000).")
    ] = None,
    part: Annotated[
        str | None,
        typer.Option("--part", help="Of onnx: decoder, encoder, discriminator; of a flow forward, inverse (decoder)."),
    ] = None,
    weights: Annotated[
        str | None, typer.Option("--weights", help="Of safetensors: ema, as displayed, or raw (ema).")
    ] = None,
    follow: Annotated[
        bool | None, typer.Option("--follow", "-f", help="Of tensorboard: go on while the run trains.")
    ] = None,
    others: Annotated[
        list[str] | None, typer.Option("--with", metavar="RUN", help="Of curves: another run beside it; repeatable.")
    ] = None,
    quantity: Annotated[
        str | None, typer.Option("--quantity", metavar="NAME", help="Of curves: such as kl (the objective).")
    ] = None,
    x_axis: Annotated[str | None, typer.Option("--x", help="Of curves: step, images or time (step).")] = None,
    width: Annotated[str | None, typer.Option("--width", help="Of curves: column or page (column).")] = None,
    font: Annotated[str | None, typer.Option("--font", help="Of curves: serif or sans-serif (serif).")] = None,
    log: Annotated[bool | None, typer.Option("--log", help="Of curves: a logarithmic y axis.")] = None,
    as_json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """Export a run: its model as ONNX, its metrics as tables or for TensorBoard, its weights, samples and latents."""
    from genexplorer.cli.pictures.image_command import default_file
    from genexplorer.jobs.image_files import format_of
    from genexplorer.runs.export_run import safe_name
    from genexplorer.runs.status.run_status import read_status

    if format_name not in FORMATS:
        raise ConfigError(f"there is no format '{format_name[:40]}'", f"choose from {', '.join(FORMATS)}")
    selected = FORMATS[format_name]
    entered: dict[str, Any] = {
        "step": step,
        "seed": seed,
        "count": count,
        "part": part,
        "weights": weights,
        "follow": follow,
    }
    entered |= {"with": others, "quantity": quantity, "x": x_axis, "width": width, "font": font, "log": log}
    options = _options_of(format_name, selected, entered)
    # Check the file's name before anything is computed.
    folder = find_run(run, runs_dir)
    suffix = selected.suffixes[0] if selected.suffixes else ""
    stem = safe_name(read_status(folder).name) + ("" if suffix[1:] == format_name else f"-{format_name}")
    path = out or default_file(f"{stem}{suffix}")
    if suffix:
        format_of(path, dict.fromkeys(selected.suffixes, format_name))
    facts = selected.write(_Job(run, runs_dir, folder, path, options))
    if as_json:
        output.print_json({"path": str(path), "format": format_name, **facts})
        return
    output.print_stderr(f"{path}: " + ", ".join(f"{key} {value}" for key, value in facts.items()))


def _options_of(name: str, selected: _Format, flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a format, with their defaults.

    Raises:
        ConfigError: if one was given that the format does not take, or a value is not allowed.
    """
    entered = {option: value for option, value in flags.items() if value is not None}
    for option, value in entered.items():
        if option not in selected.options:
            allowed = ", ".join(f"--{each}" for each in selected.options)
            raise ConfigError(
                f"{name} takes no --{option}", f"it takes {allowed}" if allowed else f"leave out --{option}"
            )
        if option in _CHOICES and value not in _CHOICES[option]:
            raise ConfigError(f"--{option}: there is no '{value[:40]}'", f"use {', '.join(_CHOICES[option])}")
    return {option: entered.get(option, _DEFAULTS[option]) for option in selected.options}


def _csv(job: _Job) -> Mapping[str, Any]:
    from genexplorer.export import tables

    return {"rows": tables.write_csv(job.folder, job.out)}


def _parquet(job: _Job) -> Mapping[str, Any]:
    from genexplorer.export import tables

    return {"rows": tables.write_parquet(job.folder, job.out)}


def _samples(job: _Job) -> Mapping[str, Any]:
    params = {"count": job.options["count"], "seed": job.options["seed"]}
    result, step = job.request("sample", params, capability="sample", suffix=".npy")
    return _write_array(job, result.arrays["images"], step)


def _latents(job: _Job) -> Mapping[str, Any]:
    result, step = job.request("encodings", {"count": job.options["count"]}, capability="encode", suffix=".npy")
    return _write_array(job, result.arrays["mu"], step)


def _write_array(job: _Job, values: Any, step: int) -> Mapping[str, Any]:
    import numpy as np

    from trainers.storage import atomic_files

    with atomic_files.replacing(job.out) as temporary, temporary.open("wb") as file:
        np.save(file, values, allow_pickle=False)
    return {"shape": " × ".join(map(str, values.shape)), "type": str(values.dtype), "step": step}


def _onnx(job: _Job) -> Mapping[str, Any]:
    from trainers.storage import atomic_files

    part = job.options["part"]
    params = {"part": _PART_ALIASES.get(part, part)}
    result, step = job.request("onnx", params, capability="sample", suffix=".onnx")
    atomic_files.write_bytes(job.out, result.arrays["file"].tobytes())
    checked = f"{result.meta['error']:.1e} of the largest output, on {result.meta['num_checked']} inputs"
    outputs = ", ".join(result.meta["outputs"])
    return {"part": part, "outputs": outputs, "step": step, "difference in ONNX Runtime": checked}


def _safetensors(job: _Job) -> Mapping[str, Any]:
    from genexplorer.export.weights import write_safetensors

    weights = job.options["weights"]
    step, num_arrays = write_safetensors(job.folder, job.out, step=job.options["step"], weights=weights)
    return {"weights": weights, "step": step, "arrays": num_arrays}


def _tensorboard(job: _Job) -> Mapping[str, Any]:
    from genexplorer.export.tensorboard import write_events

    follow = job.options["follow"]
    if follow:
        output.print_stderr(f"following {job.run} until it ends; Ctrl+C ends sooner. tensorboard --logdir {job.out}")
    with output.interruptible() as check:
        counts = write_events(job.folder, job.out, follow=follow, check=check)
    return {"values": f"{counts.scalars:,}", "images": counts.images}


def _curves(job: _Job) -> Mapping[str, Any]:
    from genexplorer.export.curves import FigureStyle, write_curves

    options = job.options
    style = FigureStyle(options["width"], options["font"], options["x"], logarithmic=options["log"])
    folders = [job.folder, *(find_run(other, job.runs_dir) for other in options["with"])]
    return {"curves": write_curves(folders, job.out, options["quantity"], style), "runs": len(folders)}


def _animation(job: _Job) -> Mapping[str, Any]:
    from genexplorer.jobs import progress_gif

    with output.progress_bar("animation") as show_progress:
        animation = progress_gif.export(job.folder, job.out, on_progress=show_progress)
    return {"pictures": animation.image_kind, "frames": animation.num_frames, "last step": animation.last_step}


_CURVE_OPTIONS = ("with", "quantity", "x", "width", "font", "log")
FORMATS: dict[str, _Format] = {
    "onnx": _Format((".onnx",), "a part of the model, compared with it by ONNX Runtime", _onnx, ("step", "part")),
    "safetensors": _Format((".safetensors",), "weights, named as the parameters", _safetensors, ("step", "weights")),
    "tensorboard": _Format((), "a folder with TensorBoard event files: scalars and images", _tensorboard, ("follow",)),
    "curves": _Format((".svg", ".pdf"), "curves for a paper, in vectors", _curves, _CURVE_OPTIONS),
    "animation": _Format((".gif", ".webp", ".mp4"), "the training as an animation, as of 'progress'", _animation),
    "csv": _Format((".csv",), "metrics: one row for each recorded step", _csv),
    "parquet": _Format((".parquet",), "the same, with titles, units and setups as metadata", _parquet),
    "samples": _Format((".npy",), "samples: (N, H, W, C) uint8, or (N, 2) points", _samples, ("step", "seed", "count")),
    "latents": _Format(
        (".npy",), "latents of test images, means of q(z|x): (N, d) float32", _latents, ("step", "count")
    ),
}
EPILOG = "\n\n".join(f"{name}: {selected.help}" for name, selected in FORMATS.items())
