"""Untrusted images: files opened in the Encode tab, and recorded images of an imported run."""

import io
import os
import random
import stat
import struct
import subprocess
import sys
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from genexplorer.dashboard.images.tiles import load_tiles
from genexplorer.errors import UserError
from genexplorer.jobs import progress_gif
from genexplorer.runs.record import ImageRef
from genexplorer.viewer.tabs.encode import image_selection
from tests.fault_injection.case import FaultCase, Tally

SLOWEST_S = 5.0
MOST_MEMORY_BYTES = 500 << 20  # above what the process had
SHAPES = ((1, 28, 28), (3, 32, 32))
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
_HUGE_PNG, _LARGEST_SIDE = (100_000, 100_000), 6_300  # the second is just below the limit


def mutated_images(count: int, folder: Path) -> Tally:
    """Open images of every format named .png, truncated and mutated: they are opened or refused with one line."""
    tally, rng, slowest, opened = Tally(), random.Random(19), 0.0, 0
    originals = [_encode(image_format) for image_format in FORMATS]
    path = folder / "picture.png"
    for number in range(count):
        with tally.attempt(f"{FORMATS[number % len(FORMATS)]} {number}"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # decoders warn about files that they then refuse
            path.write_bytes(_mutate(originals[number % len(FORMATS)], rng))
            began = time.monotonic()
            opened += _try_to_open(path, SHAPES[number % 2])
            slowest = max(slowest, time.monotonic() - began)
            assert slowest < SLOWEST_S, f"{slowest:.1f} s"
    tally.notes.append(f"{opened} could still be opened; slowest {slowest:.2f} s")
    return tally


def mutated_recordings(count: int, folder: Path) -> Tally:
    """Recorded images of a run, truncated, mutated or of another format: skipped by every front end that shows them."""
    from genexplorer.viewer.widgets.image_grid import read_image_grid  # imports Qt, which the other cases do not need

    tally, rng = Tally(), random.Random(23)
    originals = [_encode(image_format) for image_format in FORMATS]
    path = folder / "step-00000001.png"
    ref = ImageRef("samples", 1, path, 4, 4, (10, 10))
    for number in range(count):
        index = number % len(FORMATS) if number % 3 == 0 else 0
        with tally.attempt(f"{FORMATS[index]} {number}"):
            path.write_bytes(_mutate(originals[index], rng))
            picture, frame = load_tiles(ref), progress_gif._read_image(ref)
            assert picture is None or picture.tiles.shape == (4, 4, 10, 10, 3)
            assert frame is None or frame.size[0] * frame.size[1] <= 16_000_000
            assert index == 0 or (picture is None and frame is None), "another format was decoded"
            try:
                assert read_image_grid(ref, "").images.shape[:3] == (16, 10, 10)
            except UserError as error:
                assert "\n" not in str(error)
    return tally


def bombs(count: int, folder: Path) -> Tally:
    """Open images that declare or expand to impossible sizes, each in a process whose memory is measured."""
    tally, must_be_refused = Tally(), _write_bombs(folder)
    for number in range(count):
        name, is_refused = list(must_be_refused.items())[number % len(must_be_refused)]
        with tally.attempt(name):
            program = [sys.executable, "-c", _OPEN, str(folder / name)]
            environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
            done = subprocess.run(
                program, capture_output=True, text=True, timeout=60, env=environment, stdin=subprocess.DEVNULL
            )
            assert done.returncode == 0, done.stderr[-300:]
            outcome, seconds, memory = done.stdout.splitlines()[-3:]
            assert outcome.startswith("refused") or not is_refused, f"{outcome} instead of a refusal"
            assert float(seconds) < SLOWEST_S, f"{seconds} s"
            assert int(memory) < MOST_MEMORY_BYTES, f"{int(memory) >> 20} MB"
            assert not (folder / "bin" / "started").exists(), "a picture ran a program"
    tally.notes.append("no program was run")
    return tally


_OPEN = """
import sys, time
from pathlib import Path
from PIL import Image
from genexplorer.dashboard.images.tiles import load_tiles
from genexplorer.errors import UserError
from genexplorer.runs.record import ImageRef
from genexplorer.viewer.tabs.encode import image_selection
def peak():
    return 1024 * int(next(l for l in open("/proc/self/status") if "VmHWM" in l).split()[1])
path, before, began = Path(sys.argv[1]), peak(), time.monotonic()
load_tiles(ImageRef("samples", 1, path, 1, 1, (28, 28)))
try:
    image_selection.read_image_file(path, (1, 28, 28))
    print("opened")
except UserError as error:
    assert "\\n" not in str(error)
    print("refused:", error)
print(time.monotonic() - began)
print(peak() - before)
"""


def _write_bombs(folder: Path) -> dict[str, bool]:
    """Write the files; return for each name whether it must be refused."""
    files: dict[str, tuple[Callable[[], bytes], bool]] = {
        "100000x100000.png": (lambda: _png(*_HUGE_PNG, b"\0" * 100), True),
        "zeros-rgba.png": (lambda: _zeros(4), False),
        "zeros-palette.png": (lambda: _zeros(1), False),
        "text-bomb.png": (lambda: _png_with_bomb(b"zTXt"), False),
        "profile-bomb.png": (lambda: _png_with_bomb(b"iCCP"), False),
        "wrong-size.png": (lambda: _png(500, 500, bytes(100)), True),
        "truncated.jpg": (lambda: _encode("JPEG")[:-200], True),
        "65500x65500.jpg": (lambda: _mislabeled_jpeg(65_500), True),
        "scans.jpg": (lambda: _scans(20_000), True),
        "65535x65535.gif": (lambda: b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + _encode("GIF")[10:], True),
        "negative.bmp": (lambda: _encode("BMP")[:18] + struct.pack("<ii", -5, -5) + _encode("BMP")[26:], True),
        "program.png": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 28 28\n%%EndComments\nshowpage\n", True),
        "page.png": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><image href='/etc/passwd'/></svg>", True),
        "archive.png": (lambda: b"PK\3\4" + bytes(100), True),
        "empty.png": (lambda: b"", True),
        "large.png": (lambda: bytes(image_selection.MAX_FILE_BYTES + 1), True),
    }
    for name, (make, _) in files.items():
        (folder / name).write_bytes(make())
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    _write_canaries(folder / "bin")
    return {name: refused for name, (_, refused) in files.items()} | {"folder.png": True, "pipe.png": True}


def _write_canaries(folder: Path) -> None:
    """Write programs, under names that decoders are known to start, that only create the file `started`."""
    folder.mkdir()
    for name in ("gs", "djpeg", "xdg-open"):
        (folder / name).write_text(f"#!/bin/sh\ntouch {folder / 'started'}\n")
        (folder / name).chmod(stat.S_IRWXU)


def _encode(image_format: str) -> bytes:
    pixels = np.random.default_rng(1).integers(0, 255, (40, 40, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, image_format)
    return buffer.getvalue()


def _mutate(original: bytes, rng: random.Random) -> bytes:
    data = bytearray(original)
    if rng.random() < 0.3:
        data = data[: rng.randrange(len(data))]
    for _ in range(rng.choice((0, 1, 3, 20))):
        if data:
            offset = rng.randrange(min(len(data), 200)) if rng.random() < 0.7 else rng.randrange(len(data))
            data[offset] = rng.randrange(256)
    return bytes(data)


def _try_to_open(path: Path, shape: tuple[int, int, int]) -> bool:
    try:
        image = image_selection.read_image_file(path, shape)
    except UserError as error:
        assert "\n" not in str(error)
        return False
    assert image.shape == (*shape[1:], shape[0]) and image.dtype == np.uint8
    return True


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, rows: bytes, more: bytes = b"", *, kind: int = 0, compressed: bytes = b"") -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
    palette = _chunk(b"PLTE", bytes(768)) + _chunk(b"tRNS", bytes(256)) if kind == 3 else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + header + more + palette + _chunk(b"IDAT", compressed or zlib.compress(rows)) + _chunk(b"IEND", b"")
    )  # fmt: skip


def _zeros(channels: int) -> bytes:
    """Return a PNG of about forty megapixels in a few dozen kilobytes."""
    compressed = _compressed_zeros(_LARGEST_SIDE, 1 + _LARGEST_SIDE * channels)
    return _png(_LARGEST_SIDE, _LARGEST_SIDE, b"", kind=6 if channels == 4 else 3, compressed=compressed)


def _png_with_bomb(kind: bytes) -> bytes:
    """Return a small PNG with a chunk that expands to 200 MB."""
    return _png(28, 28, bytes(29 * 28), _chunk(kind, b"a\0\0" + _compressed_zeros(200, 1 << 20)))


def _compressed_zeros(num_blocks: int, block_size: int) -> bytes:
    compressor, block = zlib.compressobj(9), bytes(block_size)
    return b"".join([*(compressor.compress(block) for _ in range(num_blocks)), compressor.flush()])


def _mislabeled_jpeg(side: int) -> bytes:
    data = bytearray(_encode("JPEG"))
    offset = data.index(b"\xff\xc0") + 5
    data[offset : offset + 4] = struct.pack(">HH", side, side)
    return bytes(data)


def _scans(count: int) -> bytes:
    """Return a progressive JPEG of forty megapixels with many scans."""
    buffer = io.BytesIO()
    Image.new("L", (_LARGEST_SIDE, _LARGEST_SIDE)).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * count + data[-2:]


CASES = (
    FaultCase(
        name="images",
        fault="images of seven formats named .png, truncated and mutated, opened in the Encode tab",
        guarantee="opened, or refused with one line, in bounded time",
        full=1_000,
        short=70,
        run=mutated_images,
    ),
    FaultCase(
        name="recordings",
        fault="recorded images of an imported run: truncated, mutated, of other formats",
        guarantee="skipped by the dashboard, the viewer and animations; only PNG is decoded",
        full=1_000,
        short=0,
        run=mutated_recordings,
    ),
    FaultCase(
        name="picture-bombs",
        fault="files named .png: 100,000² pixels, zeros that expand to 160 MB, 20,000 scans, PostScript, pipes",
        guarantee="refused with one line, or opened in bounded time and memory; no program is run",
        full=36,
        short=0,
        run=bombs,
    ),
)
