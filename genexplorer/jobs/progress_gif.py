"""A run's recorded pictures through training as one moving picture, each frame captioned with its step.

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

DEFAULT_KINDS = ("manifold", "samples", "reconstructions")  # the first that was recorded is taken
MAX_FRAMES = 60
FIRST_NEWS = 50  # steps before which little is to be seen
STRIP_FRAMES = 12
STRIP_COLUMNS = 4
TOTAL_MS = 9_000
FRAME_MS = (80, 400)  # the shortest and the longest
LAST_MS = 3_000
MIN_WIDTH_PX = 400  # narrower pictures are enlarged, for the eye and for the caption

Tell = Callable[[float, str], None]


@dataclass(frozen=True)
class Film:
    """What was written."""

    path: Path
    kind: str
    frames: int
    first_step: int
    last_step: int
    size_px: tuple[int, int]  # width, height


def export(
    run: Path, out: Path, *, kind: str = "", scale: int = 0, tell: Tell = lambda fraction, message: None
) -> Film:
    """Write the pictures that a run recorded as GIF, WebP or MP4 film, or as a PNG sheet of a dozen.

    Args:
        run: The run's folder; it may still be training.
        out: The file; its ending decides the format.
        kind: "manifold", "samples", "reconstructions", …; empty takes the first that there is.
        scale: Whole factor of enlargement; 0 chooses one that makes the caption readable.
        tell: Called with the share that is done and a message.

    Raises:
        ConfigError: if the format is not known.
        UserError: if the run has no such pictures, or MP4 cannot be written here.
    """
    file_format = image_files.format_of(out, image_files.MOVING_FORMATS)
    animations.check(file_format)
    with RunReader(run) as reader:
        name = reader.status().name
        refs = _choose(reader.pictures(), kind, name)
    still = file_format == "PNG"
    refs = spread(refs, STRIP_FRAMES if still else MAX_FRAMES)
    shown, frames = _frames(refs, scale, name, tell)
    tell(0.95, "writing")
    content = _sheet(frames) if still else _moving(frames, file_format)
    image_files.replace_file(out, content)
    tell(1.0, "done")
    return Film(out, refs[0].kind, len(frames), shown[0].step, shown[-1].step, frames[0].size)


def spread(refs: Sequence[PictureRef], count: int) -> list[PictureRef]:
    """Pick at most `count` pictures, evenly on a logarithmic axis of steps, the first and the last among them."""
    sizes = {ref.step: 1 for ref in refs}
    dropped = set(to_remove(sizes, math.inf, count, recent=1, origin=FIRST_NEWS))
    return [ref for ref in refs if ref.step not in dropped]


def caption(picture: Image.Image, left: str, right: str) -> Image.Image:
    """Put a line of text below a picture."""
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
    wanted = kind or next((known for known in DEFAULT_KINDS if known in kinds), "")
    refs = sorted((ref for ref in recorded if ref.kind == wanted), key=lambda ref: ref.step)
    if refs:
        return refs
    if kinds:
        raise UserError(f"run {name} recorded no '{wanted}' pictures", f"it has {', '.join(kinds)}")
    raise UserError(f"run {name} has no pictures yet", "they come with its first snapshots")


def _frames(
    refs: Sequence[PictureRef], scale: int, name: str, tell: Tell
) -> tuple[list[PictureRef], list[Image.Image]]:
    """Read and caption the pictures; one that was thinned away meanwhile, or is damaged, is left out."""
    read: list[tuple[PictureRef, Image.Image]] = []
    for number, ref in enumerate(refs, start=1):
        tell(0.9 * number / len(refs), f"frame {number} of {len(refs)}")
        picture = _read(ref)
        if picture is not None:
            read.append((ref, caption(_enlarged(picture, scale), f"step {ref.step:,}", name)))
    if not read:
        raise UserError(f"none of the pictures of run {name} can be read", "see its folder 'pictures'")
    same = [(ref, frame) for ref, frame in read if frame.size == read[-1][1].size]
    return [ref for ref, _ in same], [frame for _, frame in same]


def _read(ref: PictureRef) -> Image.Image | None:
    try:
        return images.read(ref.path)
    except DamagedRunError:
        return None


def _enlarged(picture: Image.Image, scale: int) -> Image.Image:
    return image_files.enlarge(picture, scale or max(1, -(-MIN_WIDTH_PX // picture.width)))


def _moving(frames: Sequence[Image.Image], file_format: str) -> bytes:
    each = min(max(TOTAL_MS // len(frames), FRAME_MS[0]), FRAME_MS[1])
    return animations.encode(frames, [each] * (len(frames) - 1) + [LAST_MS], file_format)


def _sheet(frames: Sequence[Image.Image]) -> bytes:
    columns = min(STRIP_COLUMNS, len(frames))
    rows = -(-len(frames) // columns)
    width, height = frames[0].size
    gap = 4
    sheet = Image.new(frames[0].mode, (columns * (width + gap) - gap, rows * (height + gap) - gap), 0)
    for place, frame in enumerate(frames):
        sheet.paste(frame, ((place % columns) * (width + gap), (place // columns) * (height + gap)))
    buffer = BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def main(arguments: Sequence[str]) -> int:
    """Export in a process of its own and print what happens as JSON lines."""

    def tell(fraction: float, message: str) -> None:
        _print({"fraction": round(fraction, 3), "message": message})

    try:
        run, out, kind, scale = [*arguments, "", "0"][:4] if len(arguments) == 2 else [*arguments, "0"][:4]
        film = export(Path(run), Path(out), kind=kind, scale=int(scale), tell=tell)
    except UserError as error:
        _print({"error": error.message, "hint": error.hint})
        return error.exit_code
    except ValueError:
        _print({"error": "usage: progress_gif RUN_FOLDER OUT [KIND [SCALE]]", "hint": ""})
        return 2
    _print({"done": str(film.path), "frames": film.frames, "kind": film.kind})
    return 0


def _print(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
