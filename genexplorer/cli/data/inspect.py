"""`genexplorer data inspect`: the content of a data set, a sheet of examples, and the presets that fit."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genexplorer.cli import completion, output
from genexplorer.cli.data.manage import Assignments, data_section
from genexplorer.cli.options import AsJson
from genexplorer.runs.sanitize import one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genexplorer.session.data_summary import DataSummary, Histogram
    from trainers.data.dataset import ImageData, PointData

_SHEET_COLUMNS, _SHEET_ROWS = 12, 6  # of the PNG file
_TERMINAL_ROWS = 16  # of cells, for the sheet in the terminal
_MAX_TERMINAL_COLUMNS = 100
_MAX_TERMINAL_EXAMPLES = 256
_BAR_COLUMNS = 40
_MAX_CLASSES = 30  # that are listed
_BLOCKS = " ▏▎▍▌▋▊▉█"


def inspect(
    data: Annotated[
        str,
        typer.Argument(metavar="NAME|PATH", help="As for 'train --data'.", autocompletion=completion.data_sets),
    ],
    assignments: Assignments = None,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Write a sheet of examples.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a data set contains: counts, classes, values, duplicates, examples, and the presets that fit."""
    from genexplorer.jobs import image_files
    from genexplorer.session import data_summary

    if png is not None:
        image_files.format_of(png, image_files.STILL_FORMATS)
    settings = data_section(data, assignments or ())
    with output.progress_bar("reading the data") as show_progress:
        spec, options, loaded = data_summary.load(settings, show_progress)
        show_progress(1.0, "counting")
        summary = data_summary.summarize(one_line(data), spec, options, loaded, settings)
        words = data_summary.train_options(data, tuple(_train_assignments(assignments or ())))
        summary = data_summary.with_presets(summary, words)
    if png is not None:
        sheet, scale = _sheet(loaded, _SHEET_COLUMNS * _SHEET_ROWS, _SHEET_COLUMNS)
        image = image_files.to_image(sheet, scale or image_files.automatic_scale(sheet.shape[1], sheet.shape[0]))
        image_files.write_image(png, image, {"Software": "genexplorer", "data": one_line(data)})
        output.print_stderr(f"wrote {png}: {image.width}×{image.height} px")
    if as_json:
        output.print_json(_as_json(summary))
        return
    _print_summary(summary)
    if output.shows_color(_stdout()):
        output.print_stdout("")
        _print_sheet(loaded)
    elif png is None:
        output.print_stderr("\na sheet of examples: add --png FILE")
    _print_presets(summary)


def _train_assignments(assignments: Any) -> list[str]:
    return [text if text.startswith("data.") else f"data.{text}" for text in assignments]


def _stdout() -> Any:
    import sys

    return sys.stdout


def _as_json(summary: "DataSummary") -> dict[str, Any]:
    values = asdict(summary)
    values["presets"] = [{"preset": name, "command": command} for name, command in summary.presets]
    values["other_files"] = dict(summary.other_files)
    return values


def _print_summary(summary: "DataSummary") -> None:
    shape, low, high = summary.shape, *summary.value_range
    duplicates = summary.duplicates
    noun = summary.kind
    num_classes = len(summary.classes)
    others = ", ".join(f"{count:,} {one_line(name)}" for name, count in summary.other_files[:8])
    output.print_pairs(
        [
            ("data", summary.name),
            ("format", summary.title),
            ("path", one_line(summary.settings.get("path", ""), 400)),
            ("shape", "×".join(map(str, shape)) + " (C×H×W)" if noun == "images" else "2-D points"),
            ("training", f"{summary.num_train:,} {noun}"),
            ("test", f"{summary.num_test:,} {noun}"),
            ("classes", str(num_classes) if num_classes else "none"),
            ("values", f"{low:g} to {high:g}"),
            ("duplicates", f"{duplicates.num_test_in_train:,} test {noun} are training {noun} as well"),
            ("", f"{duplicates.num_within_train:,} training {noun} repeat an earlier one"),
            ("skipped", f"{summary.num_skipped:,} files cannot be decoded" if summary.num_skipped else ""),
            *(("", text) for text in summary.skipped),
            ("other files", others),
            *(("note", one_line(note)) for note in summary.notes),
        ]
    )
    if summary.classes:
        output.print_stdout("")
        rows = [
            (str(each.label), each.name, f"{each.num_train:,}", f"{each.num_test:,}")
            for each in summary.classes[:_MAX_CLASSES]
        ]
        output.print_table(("LABEL", "CLASS", "TRAIN", "TEST"), rows, right_aligned=(0, 2, 3))
        if num_classes > _MAX_CLASSES:
            output.print_stdout(f"… and {num_classes - _MAX_CLASSES:,} more classes; --json lists all")
    output.print_stdout("")
    for line in _histogram_lines(summary.histogram):
        output.print_stdout(line)


def _histogram_lines(histogram: "Histogram") -> list[str]:
    """Return a bar for each bin, the longest for the most frequent, with the share of all values."""
    bins = len(histogram.fractions)
    is_integer = (histogram.low, histogram.high) == (0, 255)
    width = 256 / bins if is_integer else (histogram.high - histogram.low) / bins
    longest = max(histogram.fractions) or 1.0
    lines = [f"values of {histogram.num_examples:,} training examples"]
    for index, fraction in enumerate(histogram.fractions):
        start = histogram.low + index * width
        label = f"{start:3.0f}–{start + width - 1:3.0f}" if is_integer else f"{start:9.3g} to {start + width:9.3g}"
        eighths = round(8 * _BAR_COLUMNS * fraction / longest)
        bar = "█" * (eighths // 8) + _BLOCKS[eighths % 8].strip()
        lines.append(f"  {label}  {bar.ljust(_BAR_COLUMNS)}  {fraction:6.1%}".rstrip())
    return lines


def _sheet(data: "ImageData | PointData", count: int, columns: int) -> tuple["NDArray[np.uint8]", int]:
    """Return a sheet of examples, (H, W, C), and the factor by which it is enlarged; 0 is automatic."""
    from genexplorer.jobs import point_images
    from genexplorer.runs.artifacts.images import make_grid
    from genexplorer.session import data_summary

    if data.image_shape == (2, 1, 1):
        points: Any = data_summary.examples(data, 4000)
        image = point_images.PointImage(point_images.bounds_of(points))
        image.draw_points(points, point_images.SAMPLES_COLOR)
        return image.to_array(), 1
    images: Any = data_summary.examples(data, count)
    return make_grid(images, min(columns, len(images))), 0


def _print_sheet(data: "ImageData | PointData") -> None:
    """Print examples as half blocks; the terminal shows colors."""
    import numpy as np
    from rich.console import Console
    from rich.segment import Segment, Segments

    from genexplorer.dashboard.images.half_blocks import half_block_strips
    from genexplorer.dashboard.images.tiles import build_montage
    from genexplorer.session import data_summary

    columns = min(output.terminal_columns(), _MAX_TERMINAL_COLUMNS)
    if data.image_shape == (2, 1, 1):
        tiles = _sheet(data, 0, 1)[0][None, None]
    else:
        images: Any = data_summary.examples(data, _MAX_TERMINAL_EXAMPLES)
        tiles = np.repeat(images, 3, axis=3)[None] if images.shape[3] == 1 else images[None]
    montage = build_montage(tiles, "samples", columns, _TERMINAL_ROWS, gap=1)
    console = Console(width=columns, force_terminal=True)
    with console.capture() as capture:
        for strip in half_block_strips(montage):
            console.print(Segments([*strip, Segment.line()]), end="")
    for line in capture.get().splitlines():
        output.print_stdout(line)


def _print_presets(summary: "DataSummary") -> None:
    output.print_stdout("")
    if not summary.presets:
        output.print_stdout("no preset fits")
        return
    output.print_stdout("presets that fit")
    for _, command in summary.presets:
        output.print_stdout(f"  {one_line(command, 1000)}")
