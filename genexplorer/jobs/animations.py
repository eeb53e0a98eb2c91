"""Animations as GIF, WebP or MP4: the one writer for the CLI, the viewer and jobs."""

import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from genexplorer.errors import UserError
from genexplorer.jobs import image_files

FORMATS = {".gif": "GIF", ".webp": "WEBP", ".mp4": "MP4"}
GIF_GRAY_LEVELS = 32  # a GIF of gray images is then a quarter of the size and looks the same
FRAME_MS = 60
END_PAUSE_MS = 600  # the pause at either end of an animation that plays back and forth
TARGET_SIDE_PX = 280  # `write` enlarges frames by the whole factor that brings their longer side nearest to this
MAX_FRAMES = 1_000
# The gray level that a GIF has for each of the 256 of an image.
_GIF_GRAYS = [round(round(gray * (GIF_GRAY_LEVELS - 1) / 255) * 255 / (GIF_GRAY_LEVELS - 1)) for gray in range(256)]
_MP4_FPS = 25
_H264_CRF = "18"  # the constant rate factor at which H.264 is visually lossless


def require_encoder(file_format: str) -> None:
    """Raise an error unless this machine can encode a format; call it before rendering.

    Raises:
        UserError: with the command that installs what is missing.
    """
    if file_format == "WEBP" and not features.check("webp"):
        raise UserError("this Pillow writes no WebP", "use .gif")
    if file_format != "MP4":
        return
    try:
        import imageio_ffmpeg

        imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError, OSError):
        raise UserError("MP4 needs ffmpeg", "pip install imageio imageio-ffmpeg, or write .webp or .gif") from None


def write(path: Path, frames: NDArray[np.uint8], *, frame_ms: int = 50, back_and_forth: bool = False) -> None:
    """Write an endless animation in the format of the file's suffix; an existing file is replaced atomically.

    Args:
        path: The file, whose name ends in .gif, .webp or .mp4.
        frames: Array (N, H, W, C) of uint8; C is 1 or 3. Small frames are enlarged.
        frame_ms: Duration of a frame in milliseconds; GIF counts in hundredths of a second and has at least 20 ms.
        back_and_forth: Whether it plays backward to the start as well.

    Raises:
        UserError: if there are no frames or too many, or the file cannot be written.
    """
    # Check format and length before the frames are converted.
    file_format = image_files.format_of(path, FORMATS)
    require_encoder(file_format)
    if not 1 <= len(frames) <= MAX_FRAMES:
        raise UserError(f"an animation has 1 to {MAX_FRAMES} frames, not {len(frames)}")
    # Enlarge the frames, then append them in reverse if they play back.
    scale = max(1, round(TARGET_SIDE_PX / max(frames.shape[1:3])))
    images = [image_files.to_image(frame, scale) for frame in frames]
    frame_ms = max(20, frame_ms)
    durations = [frame_ms] * len(images)
    if back_and_forth:
        images, durations = append_reversed(images, frame_ms, frame_ms)
    image_files.replace_file(path, encode(images, durations, file_format))


def append_reversed(
    frames: Sequence[Image.Image], frame_ms: int = FRAME_MS, end_pause_ms: int = END_PAUSE_MS
) -> tuple[list[Image.Image], list[int]]:
    """Return frames, and their durations in ms, that play forward and back with a pause at either end."""
    images = [*frames, *frames[-2:0:-1]]
    durations = [frame_ms] * len(images)
    durations[0] = durations[len(frames) - 1] = end_pause_ms
    return images, durations


def encode(frames: Sequence[Image.Image], durations_ms: Sequence[int], file_format: str) -> bytes:
    """Return an animation as a file's content; GIF and WebP loop.

    Args:
        frames: Gray or RGB images, all of one size. Pillow merges equal neighbors and adds their durations.
        durations_ms: The duration of each frame in milliseconds.
        file_format: "GIF", "WEBP" or "MP4".

    Raises:
        UserError: if the encoder fails.
    """
    if file_format == "MP4":
        return _mp4(frames, durations_ms)
    options: dict[str, Any] = {"lossless": True} if file_format == "WEBP" else {"optimize": True}
    if file_format == "GIF":
        frames = [frame.point(_GIF_GRAYS) if frame.mode == "L" else frame for frame in frames]
    buffer = BytesIO()
    first, *others = frames
    first.save(buffer, file_format, save_all=True, append_images=others, duration=list(durations_ms), loop=0, **options)
    return buffer.getvalue()


def _mp4(frames: Sequence[Image.Image], durations_ms: Sequence[int]) -> bytes:
    """Return H.264 that browsers play: yuv420p, which needs an even width and height, and the index in front."""
    require_encoder("MP4")
    import imageio_ffmpeg

    # ffmpeg writes only to files that it can seek in, so the animation goes through a temporary one.
    with tempfile.TemporaryDirectory(prefix="genexplorer-animation-") as folder:
        path = Path(folder) / "animation.mp4"
        options = ["-crf", _H264_CRF, "-movflags", "+faststart"]
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
            # Repeat each frame until its duration has passed; pad it to an even width and height.
            for frame, duration_ms in zip(frames, durations_ms, strict=True):
                padded = Image.new("RGB", (width, height))
                padded.paste(frame.convert("RGB"), (0, 0))
                pixels = padded.tobytes()
                for _ in range(max(1, round(duration_ms * _MP4_FPS / 1000))):
                    writer.send(pixels)
            writer.close()
            return path.read_bytes()
        except (OSError, RuntimeError, StopIteration) as error:
            last_line = (str(error).strip().splitlines() or ["it exited early"])[-1]
            raise UserError(f"ffmpeg failed: {last_line[:200]}", "write .webp or .gif instead") from None
