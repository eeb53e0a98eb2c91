"""What the page shows of a run, as JSON values: texts are plain, the page escapes them."""

import base64
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genexplorer.errors import DamagedRunError, UserError
from genexplorer.explore.protocol import Result
from genexplorer.runs import settings
from genexplorer.runs.artifacts import retention
from genexplorer.runs.artifacts.images import read_file_bytes
from genexplorer.runs.reader import RunReader
from genexplorer.session import formatting
from genexplorer.session.change_marks import change_marks, earlier_values
from genexplorer.session.charts import Chart, charts
from genexplorer.session.objective import objective_values
from genexplorer.session.preset_info import expected_failure, expected_result
from genexplorer.session.steering import format_value
from genexplorer.share import graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from genexplorer.explore.client import ExplorerClient
    from genexplorer.runs.record import ImageRef
    from trainers.config import RunConfig
    from trainers.model_card import ModelCard

CONFIG_SECTIONS = ("model", "data", "optim", "schedule", "execution")
_MAX_CURVE_VALUES = 300
_MAX_PICTURES, _MAX_PICTURE_BYTES = 24, 900_000  # of each kind of recorded image
_MAX_WEIGHT_BYTES = 5 << 20  # of a model that the page decodes: base64 makes them a third larger
_MAX_FRAMES, _NUM_POINTS, _SURFACE_SIDE = 12, 400, 56  # of 2-D data through training
_NUM_SLIDERS = 12
_MAX_ALERTS = 20
OnProgress = Callable[[float, str], None]


def collect(
    folder: Path,
    client: "ExplorerClient",
    step: int | None = None,
    on_progress: OnProgress = lambda fraction, text: None,
) -> dict[str, Any]:
    """Return everything that the page shows of a run.

    Args:
        folder: The run folder.
        client: Client of the process that loads the model.
        step: The newest snapshot at or before it is decoded in the page; None for the newest of all.
        on_progress: Called with the fraction that is done and a message.

    Raises:
        UserError: if the run cannot be read.
    """
    reader = RunReader(folder)
    status = reader.status()
    snapshots = [each for each in reader.snapshots() if step is None or each <= step]
    at = snapshots[-1] if snapshots else None
    config = settings.config_at(folder, step)
    on_progress(0.05, "metrics")
    page: dict[str, Any] = {
        "name": status.name,
        "preset": status.preset,
        "data": status.dataset,
        "kind": status.data_kind,
        "state": formatting.state_word(status.state),
        "facts": _facts(reader, at),
        "config": _config_rows(config, reader),
        "expected_failure": expected_failure(config),
        "expected_result": expected_result(config),
        "alerts": [[alert.step, alert.severity, alert.message] for alert in reader.alerts()[-_MAX_ALERTS:]],
        "charts": [_chart(reader, chart) for chart in charts(reader.metric_specs())],
        "marks": [[mark.step, mark.text] for mark in change_marks(reader.command_history())],
        "theory": _theory(config, reader, at),
        "pictures": _pictures(reader),
        "model": {"reason": "The run has no snapshot yet."},
        "points": None,
    }
    if at is not None:
        card = reader.card(at)
        page["family"] = card.title
        on_progress(0.2, "the model")
        page["model"] = _model(folder, client, card, at)
        if status.data_kind == "points":
            on_progress(0.5, "2-D data through training")
            with suppress(UserError):  # without its data, the rest of the page is as useful
                page["points"] = _points(folder, client, card, snapshots)
    return page


def _facts(reader: RunReader, step: int | None) -> list[list[str]]:
    status = reader.status()
    facts = [["", f"{status.preset} on {status.dataset}"], ["", formatting.state_word(status.state).lower()]]
    facts.append(["", f"{status.step:,} steps in {formatting.duration(status.elapsed_s)}"])
    if step is not None:
        facts.append(["", f"{reader.card(step).num_parameters:,} parameters"])
        facts.append(["weights of step", f"{step:,}"])
    facts += [["tags:", ", ".join(status.tags)], ["note:", status.note]]
    return [fact for fact in facts if fact[1]]


def _config_rows(config: "RunConfig", reader: RunReader) -> list[list[Any]]:
    """Return each section with its rows: key, value, and the earlier values of a setting that was changed."""
    earlier = earlier_values(reader.config(), settings.read_changes(reader.folder))
    sections: list[list[Any]] = []
    for section, values in config.model_dump(mode="json").items():
        if section in CONFIG_SECTIONS and isinstance(values, Mapping):
            rows = []
            for key, value in values.items():
                if value is not None and key != "path":  # a path says more than a reader should know
                    text = "-".join(map(str, value)) if isinstance(value, list) else format_value(value)
                    rows.append([key, text, earlier.get(f"{section}.{key}", "")])
            sections.append([section, rows])
    return sections


def _chart(reader: RunReader, chart: Chart) -> dict[str, Any]:
    lines = []
    for name in chart.metrics:
        series, style = reader.series(name, "step", _MAX_CURVE_VALUES), chart.style(name)
        if len(series.x):
            x = np.round(series.x, 1).tolist()
            y = [float(f"{value:.5g}") if np.isfinite(value) else None for value in series.mean.tolist()]
            lines.append({"label": style.label, "role": style.role, "index": style.index, "x": x, "y": y})
    return {"quantity": chart.quantity, "label": chart.label, "lines": lines}


def _theory(config: "RunConfig", reader: RunReader, step: int | None) -> dict[str, Any] | None:
    try:
        theory = config.theory()
    except UserError:  # a family of a package that is not installed here
        return None
    latest = {name: value.value for name, value in reader.latest(step).items()}
    values = objective_values(theory, latest)
    terms = () if values is None else (*values.terms, *values.further_values)
    return {
        "equation": theory.equation,
        "line": "" if values is None else values.one_line(full=True),
        "setup": "" if values is None else values.setup_texts[0],
        "terms": [
            [term.symbol, term.name, formatting.number(value, theory.unit), term.explanation] for term, value in terms
        ],
        "stages": [[stage.symbol, stage.name, stage.explanation] for stage in theory.stages],
        "notes": list(theory.notes),
        "reference": theory.reference,
    }


def _pictures(reader: RunReader) -> dict[str, list[list[Any]]]:
    """Return the recorded images of each kind: step and data URI, evenly on a logarithmic axis."""
    by_kind: dict[str, list[ImageRef]] = {}
    for image in reader.images():
        by_kind.setdefault(image.kind, []).append(image)
    pictures = {}
    for kind, images in by_kind.items():
        content: dict[int, bytes] = {}
        for image in images:
            with suppress(DamagedRunError):  # removed meanwhile
                content[image.step] = read_file_bytes(image.path)
        sizes = {step: len(data) for step, data in content.items()}
        removed = retention.select_for_removal(sizes, _MAX_PICTURE_BYTES, _MAX_PICTURES, recent=1)
        pictures[kind] = [
            [step, f"data:image/png;base64,{base64.b64encode(data).decode()}"]
            for step, data in sorted(content.items())
            if step not in removed
        ]
    return pictures


def _model(folder: Path, client: "ExplorerClient", card: "ModelCard", step: int) -> dict[str, Any]:
    """Return the decoder as the page runs it, or why it cannot."""
    if not card.capability("decode").available:
        return {"reason": card.capability("decode").reason}
    try:
        import onnx

        response = client.call(folder, "onnx", params={"part": "decoder"}, snapshot_step=step)
        assert isinstance(response.body, Result)
        page_graph = graph.convert(onnx.load_model_from_string(response.body.arrays["file"].tobytes()))
    except ImportError:
        return {"reason": "onnx is not installed where the page was made: pip install onnx onnxscript onnxruntime"}
    except UserError as error:
        return {"reason": f"The decoder cannot run in a page: {error}"}
    if page_graph.missing:
        return {"reason": f"The page lacks operators of this decoder: {', '.join(page_graph.missing)}."}
    if len(page_graph.weights) > _MAX_WEIGHT_BYTES:
        size = f"{len(page_graph.weights) / 1e6:.0f} MB"
        return {"reason": f"The decoder is too large for a page: {size} of weights. The recorded images are below."}
    latent_dim = int(np.prod(card.latent_shape))
    return {
        "latent_dim": latent_dim,
        "shape": list(card.image_shape),
        "axes": _axes(folder, client, card, step, latent_dim),
        "graph": page_graph.graph,
        "weights": base64.b64encode(page_graph.weights).decode(),
    }


def _axes(folder: Path, client: "ExplorerClient", card: "ModelCard", step: int, latent_dim: int) -> list[int]:
    """Return the latent dimensions that get sliders: the most influential ones, where there are more."""
    if latent_dim <= _NUM_SLIDERS:
        return list(range(latent_dim))
    if not card.capability("plane").available:
        return []
    try:
        response = client.call(folder, "axes", params={"count": _NUM_SLIDERS}, snapshot_step=step)
    except UserError:
        return []
    assert isinstance(response.body, Result)
    return [int(index) for index in response.body.arrays["indices"]]


def _points(folder: Path, client: "ExplorerClient", card: "ModelCard", snapshots: Sequence[int]) -> dict[str, Any]:
    """Return samples, and the density or the discriminator's surface, at some steps, with the data."""
    op = "critic" if card.capability("critic").available else "density"
    result = _call(folder, client, "points", {"count": _NUM_POINTS}, snapshots[-1])
    bounds = np.asarray(result.meta["bounds"], float).tolist()
    # The steps, evenly on a logarithmic axis.
    sizes = dict.fromkeys(snapshots, 1)
    removed = retention.select_for_removal(sizes, float("inf"), _MAX_FRAMES, recent=1)
    frames = []
    for step in (each for each in snapshots if each not in removed):
        frame: dict[str, Any] = {"step": step}
        sampled = _call(folder, client, "sample", {"count": _NUM_POINTS, "seed": 0}, step)
        frame["samples"] = _rounded(sampled.arrays["images"])
        with suppress(UserError):  # a model without either
            grid = {"bounds": bounds, "rows": _SURFACE_SIDE, "columns": _SURFACE_SIDE}
            surface = _call(folder, client, op, grid, step)
            frame["surface"] = _quantized(surface.arrays["surface" if op == "critic" else "log_prob"], op)
        frames.append(frame)
    label = (
        "discriminator: the bluer, the more real"
        if op == "critic"
        else "density p(x) of the model: the bluer, the denser"
    )
    return {"bounds": bounds, "data": _rounded(result.arrays["points"]), "frames": frames, "label": label}


def _call(folder: Path, client: "ExplorerClient", op: str, params: Mapping[str, object], step: int) -> Result:
    response = client.call(folder, op, params=params, snapshot_step=step)
    assert isinstance(response.body, Result)
    return response.body


def _rounded(points: "NDArray[Any]") -> list[float]:
    return [float(f"{value:.3f}") for value in np.nan_to_num(points.astype(np.float64)).ravel().tolist()]


def _quantized(surface: "NDArray[Any]", op: str) -> dict[str, Any]:
    """Return a surface as 256 levels: probabilities of a discriminator, densities relative to the largest."""
    with np.errstate(over="ignore", invalid="ignore"):
        if op == "critic":
            levels = 1 / (1 + np.exp(-surface.astype(np.float64)))
        else:
            levels = np.exp(surface.astype(np.float64) - np.nanmax(surface))
    levels = np.clip(np.nan_to_num(levels), 0, 1)
    data = np.round(255 * levels).astype(np.uint8)
    return {"side": int(data.shape[0]), "levels": base64.b64encode(data.tobytes()).decode()}
