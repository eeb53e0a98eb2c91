"""`genexplorer export`: a run in formats that other programs read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

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


@dataclass(frozen=True)
class _Format:
    """A format: the suffix of its file, what it contains, and the function that writes it and returns its facts."""

    suffix: str
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
    as_json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """Export a run: its model as ONNX, its metrics as a table, samples and latents as arrays."""
    from genexplorer.jobs.image_files import format_of
    from genexplorer.runs.export_run import safe_name
    from genexplorer.runs.status.run_status import read_status

    if format_name not in FORMATS:
        raise ConfigError(f"there is no format '{format_name[:40]}'", f"choose from {', '.join(FORMATS)}")
    selected = FORMATS[format_name]
    folder = find_run(run, runs_dir)
    name = safe_name(read_status(folder).name)
    path = out or Path(f"{name}{'' if selected.suffix[1:] == format_name else f'-{format_name}'}{selected.suffix}")
    format_of(path, {selected.suffix: format_name})  # before anything is computed
    facts = selected.write(ExportOptions(str(folder), path, runs_dir, step, seed, count, part))
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


FORMATS: dict[str, _Format] = {
    "onnx": _Format(".onnx", "a part of the model, compared with it by ONNX Runtime", _onnx),
    "csv": _Format(".csv", "metrics: one row for each recorded step", _csv),
    "parquet": _Format(".parquet", "the same, with titles, units and setups as metadata", _parquet),
    "samples": _Format(".npy", "samples of a seed: (N, H, W, C) uint8, or (N, 2) points", _samples),
    "latents": _Format(".npy", "latents of test images (means of q(z|x)): (N, d) float32", _latents),
}
EPILOG = "Formats: " + " · ".join(f"{name}: {selected.help}" for name, selected in FORMATS.items())
