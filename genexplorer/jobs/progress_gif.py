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
from genexplorer.runs.artifacts.retention import to_remove
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import PictureRef

DEFAULT_KINDS = ("manifold", "samples", "reconstructions")  # the first that was recorded is used
MAX_FRAMES = 60
FIRST_STEPS = 50  # in which images change little
STRIP_FRAMES = 12
STRIP_COLUMNS = 4
TOTAL_MS = 9_000
FRAME_MS = (80, 400)  # minimum and maximum
LAST_MS = 3_000
MIN_WIDTH_PX = 400  # narrower images are enlarged, also for the caption

OnProgress = Callable[[float, str], None]


@dataclass(frozen=True)
class AnimationInfo:
    """The written animation."""

    path: Path
    kind: str
    frames: int
    first_step: int
    last_step: int
    size_px: tuple[int, int]  # width, height


def export(
    run: Path, out: Path, *, kind: str = "", scale: int = 0, on_progress: OnProgress = lambda fraction, message: None
) -> AnimationInfo:
    """Write the images that a run recorded as a GIF, WebP or MP4 animation, or as a PNG sheet of a dozen.

    Args:
        run: The run's folder; it may still be training.
        out: The file; its suffix selects the format.
        kind: "manifold", "samples", "reconstructions", …; empty for the first that exists.
        scale: Whole factor of enlargement; 0 for one that makes the caption readable.
        on_progress: Called with the fraction done and a message.

    Raises:
        ConfigError: if the format is not known.
        UserError: if the run has no such images, or MP4 cannot be written here.
    """
    file_format = image_files.format_of(out, image_files.MOVING_FORMATS)
    animations.check(file_format)
    reader = RunReader(run)
    name = reader.status().name
    refs = _choose(reader.pictures(), kind, name)
    still = file_format == "PNG"
    refs = select_frames(refs, STRIP_FRAMES if still else MAX_FRAMES)
    used, frames = _frames(refs, scale, name, on_progress)
    on_progress(0.95, "writing")
    if still:
        content = _sheet(frames)
    else:
        frame_ms = min(max(TOTAL_MS // len(frames), FRAME_MS[0]), FRAME_MS[1])
        content = animations.encode(frames, [frame_ms] * (len(frames) - 1) + [LAST_MS], file_format)
    image_files.replace_file(out, content)
    on_progress(1.0, "done")
    return AnimationInfo(out, refs[0].kind, len(frames), used[0].step, used[-1].step, frames[0].size)


def select_frames(refs: Sequence[PictureRef], count: int) -> list[PictureRef]:
    """Select at most `count` images, evenly on a logarithmic axis of steps, including the first and the last."""
    sizes = {ref.step: 1 for ref in refs}
    dropped = set(to_remove(sizes, math.inf, count, recent=1, origin=FIRST_STEPS))
    return [ref for ref in refs if ref.step not in dropped]


def caption(picture: Image.Image, left: str, right: str) -> Image.Image:
    """Add a line of text below an image."""
    font = ImageFont.load_default(size=max(12, picture.width // 32))
    top, bottom = font.getbbox("Ag|")[1::2]
    bar = int(bottom - top) + 10
    gray = picture.mode == "L"
    framed = Image.new("L" if gray else "RGB", (picture.width, picture.height + bar), 0 if gray else (0, 0, 0))
    framed.paste(picture if gray else picture.convert("RGB"), (0, 0))
    draw = ImageDraw.Draw(framed)
    line = picture.height + 5 - top
    draw.text((6, line), left, fill=235 if gray else (235, 235, 235), font=font)
    room = picture.width - 12 - draw.textlength(left, font=font)
    if draw.textlength(right, font=font) + 12 < room:
        end = picture.width - 6 - draw.textlength(right, font=font)
        draw.text((end, line), right, fill=140 if gray else (140, 140, 140), font=font)
    return framed


def _choose(recorded: Sequence[PictureRef], kind: str, name: str) -> list[PictureRef]:
    kinds = sorted({ref.kind for ref in recorded})
    selected = kind or next((default for default in DEFAULT_KINDS if default in kinds), "")
    refs = sorted((ref for ref in recorded if ref.kind == selected), key=lambda ref: ref.step)
    if refs:
        return refs
    if kinds:
        raise UserError(f"run {name} recorded no '{selected}' images", f"it has {', '.join(kinds)}")
    raise UserError(f"run {name} has no images yet", "they are recorded with its snapshots")


def _frames(
    refs: Sequence[PictureRef], scale: int, name: str, on_progress: OnProgress
) -> tuple[list[PictureRef], list[Image.Image]]:
    """Read and caption the images; skip those that are removed meanwhile or damaged."""
    read: list[tuple[PictureRef, Image.Image]] = []
    for number, ref in enumerate(refs, start=1):
        on_progress(0.9 * number / len(refs), f"frame {number} of {len(refs)}")
        picture = _read(ref)
        if picture is not None:
            enlarged = image_files.enlarge(picture, scale or max(1, -(-MIN_WIDTH_PX // picture.width)))
            read.append((ref, caption(enlarged, f"step {ref.step:,}", name)))
    if not read:
        raise UserError(f"none of the images of run {name} can be read", "see its folder 'pictures'")
    same = [(ref, frame) for ref, frame in read if frame.size == read[-1][1].size]
    return [ref for ref, _ in same], [frame for _, frame in same]


def _read(ref: PictureRef) -> Image.Image | None:
    try:
        return images.read(ref.path)
    except DamagedRunError:
        return None


def _sheet(frames: Sequence[Image.Image]) -> bytes:
    columns = min(STRIP_COLUMNS, len(frames))
    rows = -(-len(frames) // columns)
    width, height = frames[0].size
    gap = 4
    sheet = Image.new(frames[0].mode, (columns * (width + gap) - gap, rows * (height + gap) - gap), 0)
    for index, frame in enumerate(frames):
        sheet.paste(frame, ((index % columns) * (width + gap), (index // columns) * (height + gap)))
    buffer = BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def main(arguments: Sequence[str]) -> int:
    """Export in this process and print progress and result as JSON lines."""

    def on_progress(fraction: float, message: str) -> None:
        _print({"fraction": round(fraction, 3), "message": message})

    try:
        run, out, kind, scale = [*arguments, "", "0"][:4] if len(arguments) == 2 else [*arguments, "0"][:4]
        animation = export(Path(run), Path(out), kind=kind, scale=int(scale), on_progress=on_progress)
    except UserError as error:
        _print({"error": error.message, "hint": error.hint})
        return error.exit_code
    except ValueError:
        _print({"error": "usage: progress_gif RUN_FOLDER OUT [KIND [SCALE]]", "hint": ""})
        return 2
    _print({"done": str(animation.path), "frames": animation.frames, "kind": animation.kind})
    return 0


def _print(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
