"""Films: frames with the time that each is seen, as GIF, WebP or MP4."""

import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from genexplorer.errors import UserError

GIF_GRAYS = 32  # levels: a film of noise-free pictures is then a quarter of the size and looks the same
FRAME_MS = 60  # of a film that goes to and fro
_END_MS = 600  # how long it rests at either end
_MP4_FPS = 25
_CRF = "18"  # of H.264: visually lossless


def check(file_format: str) -> None:
    """Refuse what cannot be written here, before any work is done for it.

    Raises:
        UserError: for MP4 without its encoder, with the line that installs it.
    """
    if file_format != "MP4":
        return
    try:
        import imageio_ffmpeg

        imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError, OSError):
        raise UserError("MP4 needs ffmpeg", "pip install 'genexplorer[video]', or write .webp or .gif") from None


def encode(frames: Sequence[Image.Image], durations_ms: Sequence[int], file_format: str) -> bytes:
    """Return a film as a file's content; GIF and WebP play for ever.

    Args:
        frames: All of one size, gray or RGB.
        durations_ms: One for each.
        file_format: "GIF", "WEBP" or "MP4".

    Raises:
        UserError: if the encoder fails.
    """
    if file_format == "MP4":
        return _mp4(frames, durations_ms)
    options: dict[str, Any] = {"lossless": True} if file_format == "WEBP" else {"optimize": True}
    if file_format == "GIF":
        frames = [frame.point(_coarser) if frame.mode == "L" else frame for frame in frames]
    buffer = BytesIO()
    rest = list(frames[1:])
    frames[0].save(
        buffer, file_format, save_all=True, append_images=rest, duration=list(durations_ms), loop=0, **options
    )
    return buffer.getvalue()


def to_and_fro(frames: Sequence[Image.Image], file_format: str) -> bytes:
    """Return a film that goes from the first frame to the last and back, and rests at both."""
    back = list(frames[-2:0:-1])
    durations = [FRAME_MS] * (len(frames) + len(back))
    durations[0] = durations[len(frames) - 1] = _END_MS
    return encode([*frames, *back], durations, file_format)


def _coarser(gray: int) -> int:
    return round(round(gray * (GIF_GRAYS - 1) / 255) * 255 / (GIF_GRAYS - 1))


def _mp4(frames: Sequence[Image.Image], durations_ms: Sequence[int]) -> bytes:
    """Return H.264 as browsers play it: yuv420p, which needs an even width and height, with its index in front."""
    check("MP4")
    import imageio_ffmpeg

    with tempfile.TemporaryDirectory(prefix="genexplorer-film-") as folder:
        path = Path(folder) / "film.mp4"
        options = ["-crf", _CRF, "-movflags", "+faststart"]
        width, height = (side + side % 2 for side in frames[0].size)
        writer = imageio_ffmpeg.write_frames(
            str(path),
            (width, height),
            fps=_MP4_FPS,
            codec="libx264",
            quality=None,
            macro_block_size=2,
            pix_fmt_in="rgb24",
            pix_fmt_out="yuv420p",
            output_params=options,
            ffmpeg_log_level="error",
        )
        try:
            writer.send(None)
            for frame, duration in zip(frames, durations_ms, strict=True):
                pixels = _even(frame).tobytes()
                for _ in range(max(1, round(duration * _MP4_FPS / 1000))):
                    writer.send(pixels)
            writer.close()
            return path.read_bytes()
        except (OSError, RuntimeError, StopIteration) as error:
            last = (str(error).strip().splitlines() or ["it ended"])[-1]
            raise UserError(f"ffmpeg failed: {last[:200]}", "write .webp or .gif instead") from None


def _even(frame: Image.Image) -> Image.Image:
    width, height = frame.size
    framed = Image.new("RGB", (width + width % 2, height + height % 2))
    framed.paste(frame.convert("RGB"), (0, 0))
    return framed
