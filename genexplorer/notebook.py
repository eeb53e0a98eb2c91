"""A run as HTML for a notebook cell: progress, curves as SVG, and the latest images. Needs no plotting library."""

import base64
import math
from html import escape
from typing import Any

import numpy as np

from genexplorer.runs.record import Series
from genexplorer.session import formatting
from genexplorer.session.charts import Chart, charts
from genexplorer.session.run_poller import RunPoller

_WIDTH_PX, _HEIGHT_PX, _LEFT_MARGIN_PX, _BOTTOM_MARGIN_PX = 300, 150, 58, 18  # of a chart
_COLORS = ("#3b82c4", "#d9822b", "#4a9e5c", "#a05ab4")
_STROKE_DASHARRAYS = {"solid": "", "dashed": "6 3", "dotted": "2 3"}
_MAX_CHARTS, _MAX_CURVE_VALUES, _MAX_IMAGE_BYTES = 3, 300, 2 << 20


class Html:
    """Text that a notebook renders as HTML."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_html_(self) -> str:
        return self.text


def new_cell_display() -> Any:
    """Return IPython's display handle of a new output in the running notebook cell; None outside of a notebook."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return None
    shell = get_ipython()
    if shell is None or getattr(shell, "kernel", None) is None:
        return None
    return display(Html(""), display_id=True)  # type: ignore[no-untyped-call]


def progress_text(poller: RunPoller) -> str:
    """Return one line: 'brave-fox: running  step 1,200  62%  test ELBO −148.2 nats  18.1k images/s  0:40 left'."""
    status = poller.status
    parts = [f"{status.name}: {status.state}", f"step {status.step:,}", formatting.percent(status.progress)]
    spec = poller.metric_specs.get(status.primary_metric)
    if spec is not None:
        parts.append(f"{spec.title} {formatting.number(status.primary_value, spec.unit)}")
    if status.state.active:
        parts += [formatting.speed(status), formatting.time_left(status)]
    return "  ".join(filter(None, [*parts, status.reason]))


def run_html(poller: RunPoller) -> str:
    """Return a run as HTML."""
    percent = 100 * min(max(poller.status.progress, 0.0), 1.0)
    bar = (
        '<div style="background:#8884;height:6px;border-radius:3px;max-width:900px">'
        f'<div style="background:{_COLORS[0]};height:6px;border-radius:3px;width:{percent:.1f}%"></div></div>'
    )
    plots = [_chart_svg(chart, poller) for chart in charts(poller.metric_specs)[:_MAX_CHARTS]]
    content = "".join([*plots, _latest_samples_html(poller)])
    row = f'<div style="display:flex;flex-wrap:wrap;gap:12px;margin-top:8px">{content}</div>'
    return f'<div style="font-family:sans-serif;font-size:13px">{escape(progress_text(poller))}{bar}{row}</div>'


def _latest_samples_html(poller: RunPoller) -> str:
    """Return the newest recorded samples as a figure; an empty text without any."""
    recorded = poller.image_at("samples")
    try:
        data = recorded.path.read_bytes() if recorded is not None else b""
    except OSError:  # the training has removed it meanwhile
        data = b""
    if recorded is None or not 0 < len(data) <= _MAX_IMAGE_BYTES:
        return ""
    encoded = base64.b64encode(data).decode()
    image = f'<img style="height:{_HEIGHT_PX + 20}px;image-rendering:pixelated" src="data:image/png;base64,{encoded}"/>'
    return f'<figure style="margin:0">{image}<figcaption>samples at step {recorded.step:,}</figcaption></figure>'


def _chart_svg(chart: Chart, poller: RunPoller) -> str:
    """Return a chart as SVG, with one line per metric and the ends of both axes labeled."""
    curves = {name: poller.series(name, "step", _MAX_CURVE_VALUES) for name in chart.metrics}
    values = np.concatenate([curve.mean for curve in curves.values()] or [np.empty(0)])
    values = values[np.isfinite(values)]
    steps = np.concatenate([curve.x for curve in curves.values()] or [np.empty(0)])
    if not len(values):
        return ""
    # The first steps would flatten the rest of the curve: the range leaves out the extreme 2 %.
    low, high = (float(value) for value in np.quantile(values, (0.02, 0.98)))
    if not high > low:
        low, high = low - 0.5 * max(abs(low), 1e-6), high + 0.5 * max(abs(high), 1e-6)
    first, last = float(steps.min()), float(max(steps.max(), steps.min() + 1))
    lines, labels = [], []
    for index, (name, curve) in enumerate(curves.items()):
        style, color = chart.style(name), _COLORS[index % len(_COLORS)]
        path = _svg_path(curve, (first, last), (low, high))
        lines.append(
            f'<path d="{path}" fill="none" stroke="{color}" stroke-dasharray="{_STROKE_DASHARRAYS[style.dash]}"/>'
        )
        labels.append(f'<tspan dx="6" fill="{color}">{escape(style.label)}</tspan>')
    # The text is placed around the plot area, whose origin is 18 px below the top.
    bottom, end = _HEIGHT_PX - _BOTTOM_MARGIN_PX, 'text-anchor="end"'
    texts = [
        f'<text x="{_LEFT_MARGIN_PX - 4}" y="9" {end}>{formatting.number(high)}</text>',
        f'<text x="{_LEFT_MARGIN_PX - 4}" y="{bottom}" {end}>{formatting.number(low)}</text>',
        f'<text x="{_LEFT_MARGIN_PX}" y="{_HEIGHT_PX - 4}">step {formatting.count(first)}</text>',
        f'<text x="{_WIDTH_PX}" y="{_HEIGHT_PX - 4}" {end}>{formatting.count(last)}</text>',
    ]
    return (
        f'<svg width="{_WIDTH_PX}" height="{_HEIGHT_PX + 20}" style="font-family:sans-serif">'
        f'<text x="{_LEFT_MARGIN_PX}" y="11" font-size="11"><tspan fill="currentColor">{escape(chart.label)}</tspan>'
        f'{"".join(labels)}</text><g transform="translate(0 18)">'
        f'<g font-size="10" fill="currentColor">{"".join(texts)}</g>'
        f'<path d="M{_LEFT_MARGIN_PX} 0V{bottom}H{_WIDTH_PX}" fill="none" stroke="#8886"/>{"".join(lines)}</g></svg>'
    )


def _svg_path(curve: Series, x_range: tuple[float, float], y_range: tuple[float, float]) -> str:
    """Return an SVG path; NaN and infinite values leave gaps, values out of range run along the edge."""
    commands, command = [], "M"
    for step, value in zip(curve.x.tolist(), curve.mean.tolist(), strict=True):
        if not math.isfinite(value):
            command = "M"
            continue
        x = _LEFT_MARGIN_PX + (step - x_range[0]) / (x_range[1] - x_range[0]) * (_WIDTH_PX - _LEFT_MARGIN_PX)
        height_fraction = min(max((value - y_range[0]) / (y_range[1] - y_range[0]), 0.0), 1.0)
        commands.append(f"{command}{x:.1f} {(1 - height_fraction) * (_HEIGHT_PX - _BOTTOM_MARGIN_PX):.1f}")
        command = "L"
    return "".join(commands)
