"""A run's recorded images as an animation through training, each frame captioned with its step.

Run in the background as `python -m genexplorer.jobs.progress_gif RUN_FOLDER OUT [KIND [SCALE]]`; it then prints JSON
lines as it works: {"fraction": 0.4, "message": "frame 12 of 30"}, at last {"done": PATH} or {"error": TEXT}.
"""

import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from genexplorer.errors import DamagedRunError, UserError
from genexplorer.jobs import animations, image_files
from genexplorer.runs.artifacts import images
from genexplorer.runs.artifacts.retention import select_for_removal
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import ImageRef

DEFAULT_KINDS = ("manifold", "samples", "reconstructions")  # the first that was recorded is used
MAX_FRAMES = 60
SIMILAR_STEPS = 50  # images change little before this step, so few of them become frames
GRID_FRAMES = 12  # in a PNG
GRID_COLUMNS = 4
ANIMATION_MS = 9_000  # the duration to which that of a frame is adapted
MIN_FRAME_MS, MAX_FRAME_MS = 80, 400
LAST_FRAME_MS = 3_000
MIN_WIDTH_PX = 400  # narrower images are enlarged, so that the caption fits
_GRID_GAP_PX = 4

OnProgress = Callable[[float, str], None]


@dataclass(frozen=True)
class AnimationInfo:
    """A written animation: its file and the images in it."""

    path: Path
    image_kind: str
    num_frames: int
    first_step: int
    last_step: int
    size_px: tuple[int, int]  # width and height of a frame


def export(
    run: Path,
    out: Path,
    *,
    image_kind: str = "",
    scale: int = 0,
    on_progress: OnProgress = lambda fraction, message: None,
) -> AnimationInfo:
    """Write the images that a run recorded as a GIF, WebP or MP4 animation, or as a PNG with a grid of a dozen.

    Args:
        run: The run's folder; it may still be training.
        out: The file to write; its suffix selects the format.
        image_kind: "manifold", "samples", "reconstructions", …; empty for the first of `DEFAULT_KINDS` that exists.
        scale: Whole factor of enlargement; 0 for one that makes the caption readable.
        on_progress: Called with the fraction done and a message.

    Raises:
        ConfigError: if the format is not known.
        UserError: if the run has no such images, or MP4 cannot be written here.
    """
    file_format = image_files.format_of(out, image_files.MOVING_FORMATS)
    animations.require_encoder(file_format)
    # Select, read and caption the images.
    reader = RunReader(run)
    name = reader.status().name
    refs = _select_kind(reader.images(), image_kind, name)
    is_still = file_format == "PNG"
    refs = select_frames(refs, GRID_FRAMES if is_still else MAX_FRAMES)
    used, frames = _read_frames(refs, scale, name, on_progress)
    # Encode and write them.
    on_progress(0.95, "writing")
    if is_still:
        content = _encode_grid(frames)
    else:
        frame_ms = min(max(ANIMATION_MS // len(frames), MIN_FRAME_MS), MAX_FRAME_MS)
        content = animations.encode(frames, [frame_ms] * (len(frames) - 1) + [LAST_FRAME_MS], file_format)
    image_files.replace_file(out, content)
    on_progress(1.0, "done")
    return AnimationInfo(out, refs[0].kind, len(frames), used[0].step, used[-1].step, frames[0].size)


def select_frames(refs: Sequence[ImageRef], count: int) -> list[ImageRef]:
    """Select at most `count` images, evenly on a logarithmic axis of steps, including the first and the last."""
    sizes = {ref.step: 1 for ref in refs}
    dropped = set(select_for_removal(sizes, math.inf, count, recent=1, origin=SIMILAR_STEPS))
    return [ref for ref in refs if ref.step not in dropped]


def add_caption(image: Image.Image, left: str, right: str) -> Image.Image:
    """Return an image with a line of text below it; the text on the right is left out where there is no room."""
    font = ImageFont.load_default(size=max(12, image.width // 32))
    # Make room for the text below the image.
    top, bottom = font.getbbox("Ag|")[1::2]
    bar_height = int(bottom - top) + 10
    is_gray = image.mode == "L"
    framed = Image.new("L" if is_gray else "RGB", (image.width, image.height + bar_height), 0 if is_gray else (0, 0, 0))
    framed.paste(image if is_gray else image.convert("RGB"), (0, 0))
    # Draw the texts at its ends.
    draw = ImageDraw.Draw(framed)
    line_y = image.height + 5 - top
    draw.text((6, line_y), left, fill=235 if is_gray else (235, 235, 235), font=font)
    width_left = image.width - 12 - draw.textlength(left, font=font)
    if draw.textlength(right, font=font) + 12 < width_left:
        x = image.width - 6 - draw.textlength(right, font=font)
        draw.text((x, line_y), right, fill=140 if is_gray else (140, 140, 140), font=font)
    return framed


def _select_kind(recorded: Sequence[ImageRef], image_kind: str, name: str) -> list[ImageRef]:
    """Return the images of a kind, ascending in step.

    Raises:
        UserError: if the run has none.
    """
    kinds = sorted({ref.kind for ref in recorded})
    selected = image_kind or next((default for default in DEFAULT_KINDS if default in kinds), "")
    refs = sorted((ref for ref in recorded if ref.kind == selected), key=lambda ref: ref.step)
    if refs:
        return refs
    if kinds:
        raise UserError(f"run {name} recorded no '{selected}' images", f"it has {', '.join(kinds)}")
    raise UserError(f"run {name} has no images yet", "they are recorded with its snapshots")


def _read_frames(
    refs: Sequence[ImageRef], scale: int, name: str, on_progress: OnProgress
) -> tuple[list[ImageRef], list[Image.Image]]:
    """Read and caption the images; skip those that are removed meanwhile or damaged."""
    captioned: list[tuple[ImageRef, Image.Image]] = []
    for number, ref in enumerate(refs, start=1):
        on_progress(0.9 * number / len(refs), f"frame {number} of {len(refs)}")
        image = _read_image(ref)
        if image is not None:
            enlarged = image_files.enlarge(image, scale or max(1, -(-MIN_WIDTH_PX // image.width)))
            captioned.append((ref, add_caption(enlarged, f"step {ref.step:,}", name)))
    if not captioned:
        raise UserError(f"none of the images of run {name} can be read", "see its folder 'pictures'")
    # All frames of an animation have one size: that of the newest image.
    size = captioned[-1][1].size
    fitting = [(ref, frame) for ref, frame in captioned if frame.size == size]
    return [ref for ref, _ in fitting], [frame for _, frame in fitting]


def _read_image(ref: ImageRef) -> Image.Image | None:
    try:
        return images.read(ref.path)
    except DamagedRunError:
        return None


def _encode_grid(frames: Sequence[Image.Image]) -> bytes:
    """Return a PNG with the frames in rows."""
    columns = min(GRID_COLUMNS, len(frames))
    rows = -(-len(frames) // columns)
    width, height = frames[0].size
    gap = _GRID_GAP_PX
    grid = Image.new(frames[0].mode, (columns * (width + gap) - gap, rows * (height + gap) - gap), 0)
    for index, frame in enumerate(frames):
        grid.paste(frame, ((index % columns) * (width + gap), (index // columns) * (height + gap)))
    buffer = BytesIO()
    grid.save(buffer, "PNG")
    return buffer.getvalue()


def main(arguments: Sequence[str]) -> int:
    """Export in this process and print progress and result as JSON lines."""

    def on_progress(fraction: float, message: str) -> None:
        _print_json_line({"fraction": round(fraction, 3), "message": message})

    try:
        run, out, image_kind, scale = [*arguments, "", "0"][:4] if len(arguments) == 2 else [*arguments, "0"][:4]
        animation = export(Path(run), Path(out), image_kind=image_kind, scale=int(scale), on_progress=on_progress)
    except UserError as error:
        _print_json_line({"error": error.message, "hint": error.hint})
        return error.exit_code
    except ValueError:
        _print_json_line({"error": "usage: progress_gif RUN_FOLDER OUT [KIND [SCALE]]", "hint": ""})
        return 2
    _print_json_line({"done": str(animation.path), "frames": animation.num_frames, "kind": animation.image_kind})
    return 0


def _print_json_line(values: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
