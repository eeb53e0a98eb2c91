"""The explorer child: answers questions to models on its standard input, until that ends.

Started by `genexplorer.explore.process` as `python -m genexplorer.explore.server`; imported by nobody.
"""

import os

_QUESTIONS, _ANSWERS = -1, -1
if __name__ == "__main__":  # before anything else is imported: what a library prints must not break the frames
    _QUESTIONS, _ANSWERS = os.dup(0), os.dup(1)
    _nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(_nothing, 0)
    os.close(_nothing)
    os.dup2(2, 1)

import argparse  # noqa: E402
import importlib  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
import traceback  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from dataclasses import replace  # noqa: E402
from typing import BinaryIO, NoReturn  # noqa: E402

from genexplorer.cores.interactive_lease import InteractiveLease  # noqa: E402
from genexplorer.explore.model_cache import Load, ModelCache  # noqa: E402
from genexplorer.explore.protocol import (  # noqa: E402
    Answer,
    Failure,
    Progress,
    ProtocolError,
    Request,
    read_request,
    write_answer,
)
from genexplorer.explore.scheduler import Scheduler  # noqa: E402
from trainers.inference.chunks import Chunk  # noqa: E402

WARMING_UP = "warming up"


class _Answers:
    """The way back, for the thread that works and the one that listens."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, answer: Answer) -> None:
        with self._lock:
            try:
                write_answer(self._stream, answer)
            except ProtocolError as error:
                body = Failure(f"the answer cannot be sent: {error}", "ask for fewer pictures")
                write_answer(self._stream, replace(answer, body=body))
            except OSError:
                os._exit(0)  # nobody listens any more


def main() -> None:
    """Listen on a thread of its own, import what answers, and work."""
    options = _options()
    cores = InteractiveLease(_set_threads, max_threads=options.threads)
    answers = _Answers(os.fdopen(_ANSWERS, "wb"))
    models: list[ModelCache] = []  # empty until what answers is imported

    def work(request: Request) -> tuple[int, Iterator[Chunk]]:
        cores.record_request()
        with cores.compute():
            step, chunks = models[0].work(request)
        return step, cores.compute_each(chunks)

    scheduler = Scheduler(work, answers.send)

    def take(request: Request) -> None:
        if not models:
            warming = Progress(0.0, WARMING_UP)
            answers.send(Answer(request.lane, request.generation, request.op, -1, warming, 0.0, request.topic))
        scheduler.put(request)

    threading.Thread(target=_listen, args=(os.fdopen(_QUESTIONS, "rb"), take), daemon=True).start()
    models.append(ModelCache(_load(options.loader)))
    while True:
        scheduler.turn()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="genexplorer.explore.server", description=__doc__)
    parser.add_argument("--loader", default="trainers.inference.session:load", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=0, help="at most; 0 is this explorer's share of the cores")
    return parser.parse_args()


def _load(target: str) -> Load:
    module, _, name = target.partition(":")
    try:
        load: Load = getattr(importlib.import_module(module), name)
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # not an ordinary end: the listening thread holds the pipe
    return load


def _set_threads(count: int) -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)


def _listen(stream: BinaryIO, take: Callable[[Request], None]) -> NoReturn:
    try:
        while (request := read_request(stream)) is not None:
            take(request)
    except ProtocolError as error:
        print(f"the face sent what is not a question: {error}", file=sys.stderr)  # noqa: T201
        os._exit(1)
    os._exit(0)  # the face is gone, or wants no more: whatever is being worked on, nobody waits for it


if __name__ == "__main__":
    main()
