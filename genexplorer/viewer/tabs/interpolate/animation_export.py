"""A walk as an animation, GIF or WebP. No Qt."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genexplorer.errors import UserError
from genexplorer.viewer.gif_writer import LARGE_PX, MAX_FRAMES, write_gif
from trainers.storage.atomic_files import write_bytes

FRAME_MS = 50
SUFFIXES = (".gif", ".webp")


def write(frames: NDArray[np.uint8], file: Path) -> None:
    """Write frames, (N, H, W, C), as an endless walk to and fro, in the format of the suffix; replaces a file whole.

    Raises:
        UserError: if there are no frames, too many, or the format is not known.
        OSError: if it cannot be written.
    """
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"{file.name}: walks are saved as {' or '.join(SUFFIXES)}", "use .gif")
    if suffix == ".gif":
        write_gif(frames, file, FRAME_MS, back_and_forth=True)
    else:
        write_bytes(file, _webp_bytes(frames))


def _webp_bytes(frames: NDArray[np.uint8]) -> bytes:
    from PIL import Image, features  # deferred: only saving needs it

    if not features.check("webp"):
        raise UserError("this Pillow writes no WebP", "use .gif")
    if not 1 <= len(frames) <= MAX_FRAMES:
        raise UserError(f"an animation has 1 to {MAX_FRAMES} frames, not {len(frames)}", "choose two ends first")
    there_and_back = np.concatenate([frames, frames[-2:0:-1]])
    factor = max(1, round(LARGE_PX / max(frames.shape[1:3])))
    large = there_and_back.repeat(factor, axis=1).repeat(factor, axis=2)
    pictures = [Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame).convert("RGB") for frame in large]
    content = io.BytesIO()
    pictures[0].save(
        content, "WEBP", save_all=True, append_images=pictures[1:], duration=FRAME_MS, loop=0, lossless=True
    )
    return content.getvalue()
