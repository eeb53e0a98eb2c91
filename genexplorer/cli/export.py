"""`genexplorer export`: a run in formats that other programs read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from genexplorer.cli import output
from genexplorer.cli.options import AsJson, OutFile, Run, RunsDir, Seed, Step, find_run
from genexplorer.errors import ConfigError

_PART_ALIASES = {"forward": "encoder", "inverse": "decoder"}  # as a flow's directions are called
Part = Annotated[
    str,
    typer.Option(
        "--part", help="Of ONNX: decoder, encoder or discriminator; of a flow also forward (x to z), inverse (z to x)."
    ),
]
Count = Annotated[int, typer.Option("--count", min=1, max=10_000, help="Number of samples or latents.")]


@dataclass(frozen=True)
class ExportOptions:
    """The options of an export, as given."""

    run: str
    out: Path
    runs_dir: Path | None
    step: int | None
    seed: int
    count: int
    part: str
    weights: str
    follow: bool
    others: tuple[str, ...]
    quantity: str
    x_axis: str
    width: str
    font: str
    log: bool


@dataclass(frozen=True)
class _Format:
    """A format: the suffixes of its files, what they contain, and the function that writes one and returns facts."""

    suffixes: tuple[str, ...]  # the default first; none for a folder
    help: str
    write: Callable[[ExportOptions], Mapping[str, Any]]


def export(
    run: Run,
    format_name: Annotated[str, typer.Argument(metavar="FORMAT", help="See below.")],
    out: OutFile = None,
    step: Step = None,
    seed: Seed = 0,
    count: Count = 1000,
    part: Part = "decoder",
    weights: Annotated[str, typer.Option("--weights", help="Of safetensors: ema (as displayed) or raw.")] = "ema",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Of tensorboard: go on while the run trains, until it ends.")
    ] = False,
    others: Annotated[
        list[str] | None, typer.Option("--with", metavar="RUN", help="Of curves: another run beside it; repeatable.")
    ] = None,
    quantity: Annotated[
        str, typer.Option("--quantity", metavar="NAME", help="Of curves: such as kl (the objective).")
    ] = "",
    x_axis: Annotated[str, typer.Option("--x", help="Of curves: step, images or time.")] = "step",
    width: Annotated[str, typer.Option("--width", help="Of curves: column or page.")] = "column",
    font: Annotated[str, typer.Option("--font", help="Of curves: serif or sans-serif.")] = "serif",
    log: Annotated[bool, typer.Option("--log", help="Of curves: a logarithmic y axis.")] = False,
    as_json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """Export a run: its model as ONNX, its metrics as tables or for TensorBoard, its weights, samples and latents."""
    from genexplorer.jobs.image_files import format_of
    from genexplorer.runs.export_run import safe_name
    from genexplorer.runs.status.run_status import read_status

    if format_name not in FORMATS:
        raise ConfigError(f"there is no format '{format_name[:40]}'", f"choose from {', '.join(FORMATS)}")
    selected = FORMATS[format_name]
    folder = find_run(run, runs_dir)
    name = safe_name(read_status(folder).name)
    suffix = selected.suffixes[0] if selected.suffixes else ""
    path = out or Path(f"{name}{'' if suffix[1:] == format_name else f'-{format_name}'}{suffix}")
    if suffix:
        format_of(path, dict.fromkeys(selected.suffixes, format_name))  # before anything is computed
    options = ExportOptions(
        *(str(folder), path, runs_dir, step, seed, count, part, weights, follow),
        *(tuple(others or ()), quantity, x_axis, width, font, log),
    )
    facts = selected.write(options)
    if as_json:
        output.print_json({"path": str(path), "format": format_name, **facts})
        return
    output.print_stderr(f"{path}: " + ", ".join(f"{key} {value}" for key, value in facts.items()))


def _csv(options: ExportOptions) -> Mapping[str, Any]:
    from genexplorer.export import tables

    return {"rows": tables.write_csv(Path(options.run), options.out)}


def _parquet(options: ExportOptions) -> Mapping[str, Any]:
    from genexplorer.export import tables

    return {"rows": tables.write_parquet(Path(options.run), options.out)}


def _samples(options: ExportOptions) -> Mapping[str, Any]:
    params = {"count": options.count, "seed": options.seed}
    return _write_array(options, "sample", "images", ("sample",), params)


def _latents(options: ExportOptions) -> Mapping[str, Any]:
    return _write_array(options, "encodings", "mu", ("encode",), {"count": options.count})


def _write_array(
    options: ExportOptions, op: str, array: str, capability: tuple[str, ...], params: Mapping[str, object]
) -> Mapping[str, Any]:
    """Write an array of a model's response as .npy; return its shape, and the snapshot's step."""
    import numpy as np

    from genexplorer.cli.pictures.image_command import ImageCommand
    from trainers.storage import atomic_files

    with ImageCommand(
        options.run, options.out, options.step, options.runs_dir, capability=capability, formats={".npy": "NumPy"}
    ) as command:
        result = command.request(op, params)
    values = np.ascontiguousarray(result.arrays[array])
    with atomic_files.replacing(options.out) as temporary, temporary.open("wb") as file:
        np.save(file, values, allow_pickle=False)
    shape = " × ".join(str(length) for length in values.shape)
    return {"shape": shape, "type": str(values.dtype), "step": int(result.file_metadata["step"])}


def _onnx(options: ExportOptions) -> Mapping[str, Any]:
    from genexplorer.cli.pictures.image_command import ImageCommand
    from trainers.storage import atomic_files

    part = _PART_ALIASES.get(options.part, options.part)
    with ImageCommand(
        options.run, options.out, options.step, options.runs_dir, capability="sample", formats={".onnx": "ONNX"}
    ) as command:
        result = command.request("onnx", {"part": part})
    atomic_files.write_bytes(options.out, result.arrays["file"].tobytes())
    checked = f"{result.meta['error']:.1e} of the largest output, on {result.meta['num_checked']} inputs"
    return {
        "part": options.part,
        "outputs": ", ".join(result.meta["outputs"]),
        "step": int(result.file_metadata["step"]),
        "difference in ONNX Runtime": checked,
    }


def _safetensors(options: ExportOptions) -> Mapping[str, Any]:
    from genexplorer.export.weights import write_safetensors

    if options.weights not in ("ema", "raw"):
        raise ConfigError(f"--weights: there is no '{options.weights[:40]}'", "use ema or raw")
    weights: Literal["ema", "raw"] = "raw" if options.weights == "raw" else "ema"
    step, num_arrays = write_safetensors(Path(options.run), options.out, step=options.step, weights=weights)
    return {"weights": weights, "step": step, "arrays": num_arrays}


def _tensorboard(options: ExportOptions) -> Mapping[str, Any]:
    from genexplorer.export.tensorboard import EventCounts, write_events

    with output.interruptible() as check:

        def report(counts: EventCounts) -> None:
            if options.follow:
                output.print_stderr(f"{counts.scalars:,} values, {counts.images} images; Ctrl+C ends")
            check()

        try:
            counts = write_events(Path(options.run), options.out, follow=options.follow, on_update=report)
        except KeyboardInterrupt:
            if not options.follow:
                raise
            raise typer.Exit(0) from None
    return {"values": f"{counts.scalars:,}", "images": counts.images}


def _curves(options: ExportOptions) -> Mapping[str, Any]:
    from genexplorer.export.curves import WIDTHS_CM, FigureStyle, write_curves

    allowed = {"--x": ("step", "images", "time"), "--width": tuple(WIDTHS_CM), "--font": ("serif", "sans-serif")}
    for option, value in (("--x", options.x_axis), ("--width", options.width), ("--font", options.font)):
        if value not in allowed[option]:
            raise ConfigError(f"{option}: there is no '{value[:40]}'", f"use {', '.join(allowed[option])}")
    style = FigureStyle(
        options.width,
        "serif" if options.font == "serif" else "sans-serif",
        "images" if options.x_axis == "images" else "time" if options.x_axis == "time" else "step",
        logarithmic=options.log,
    )
    folders = [Path(options.run), *(find_run(other, options.runs_dir) for other in options.others)]
    return {"curves": write_curves(folders, options.out, options.quantity, style), "runs": len(folders)}


def _animation(options: ExportOptions) -> Mapping[str, Any]:
    from genexplorer.jobs import progress_gif

    with output.progress_bar("animation") as show_progress:
        animation = progress_gif.export(Path(options.run), options.out, on_progress=show_progress)
    return {"pictures": animation.image_kind, "frames": animation.num_frames, "last step": animation.last_step}


FORMATS: dict[str, _Format] = {
    "onnx": _Format((".onnx",), "a part of the model, compared with it by ONNX Runtime", _onnx),
    "safetensors": _Format((".safetensors",), "weights, named as the parameters", _safetensors),
    "tensorboard": _Format((), "a folder with TensorBoard event files: scalars and images", _tensorboard),
    "curves": _Format((".svg", ".pdf"), "curves as a figure for a paper, in vectors", _curves),
    "animation": _Format((".gif", ".webp", ".mp4"), "the training as an animation, as of 'progress'", _animation),
    "csv": _Format((".csv",), "metrics: one row for each recorded step", _csv),
    "parquet": _Format((".parquet",), "the same, with titles, units and setups as metadata", _parquet),
    "samples": _Format((".npy",), "samples of a seed: (N, H, W, C) uint8, or (N, 2) points", _samples),
    "latents": _Format((".npy",), "latents of test images (means of q(z|x)): (N, d) float32", _latents),
}
EPILOG = "\n\n".join(f"{name}: {selected.help}" for name, selected in FORMATS.items())
