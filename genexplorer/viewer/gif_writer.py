"""A sequence of pictures as a GIF. No Qt."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genexplorer.errors import UserError
from trainers.storage.atomic_files import write_bytes

LARGE_PX = 280  # a frame is enlarged by the whole factor that brings its longer side nearest to this
MAX_FRAMES = 1_000


def gif_bytes(frames: NDArray[np.uint8], frame_ms: int = 50, *, back_and_forth: bool = False) -> bytes:
    """Return an endless GIF.

    Args:
        frames: (N, H, W, C), C is 1 or 3.
        frame_ms: Time a frame is shown; GIF counts in hundredths of a second.
        back_and_forth: Whether it walks back to the start as well.
    Raises:
        UserError: if there are no frames, or too many.
    """
    from PIL import Image  # deferred: only saving needs it

    if not 1 <= len(frames) <= MAX_FRAMES:
        raise UserError(f"an animation has 1 to {MAX_FRAMES} frames, not {len(frames)}", "draw a path first")
    if back_and_forth and len(frames) > 2:
        frames = np.concatenate([frames, frames[-2:0:-1]])
    factor = max(1, round(LARGE_PX / max(frames.shape[1:3])))
    large = frames.repeat(factor, axis=1).repeat(factor, axis=2)
    pictures = [Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame) for frame in large]
    content = io.BytesIO()
    # Pillow makes equal neighbors one frame that is shown longer: the speed of the walk stays even.
    pictures[0].save(content, "GIF", save_all=True, append_images=pictures[1:], duration=max(20, frame_ms), loop=0)
    return content.getvalue()


def write_gif(frames: NDArray[np.uint8], file: Path, frame_ms: int = 50, *, back_and_forth: bool = False) -> None:
    """Write an endless GIF; an older file is replaced whole.

    Raises:
        UserError: if there are no frames, or too many.
        OSError: if it cannot be written.
    """
    write_bytes(file, gif_bytes(frames, frame_ms, back_and_forth=back_and_forth))
