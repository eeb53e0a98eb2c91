"""The model process: responds to requests on its standard input until that is closed.

Started by `genexplorer.explore.process` as `python -m genexplorer.explore.server`, never imported.
"""

import os

_REQUESTS, _RESPONSES = -1, -1
if __name__ == "__main__":  # before other imports: what libraries print must not corrupt the frames
    _REQUESTS, _RESPONSES = os.dup(0), os.dup(1)
    _devnull = os.open(os.devnull, os.O_RDONLY)
    os.dup2(_devnull, 0)
    os.close(_devnull)
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
    Failure,
    Progress,
    ProtocolError,
    Request,
    Response,
    read_request,
    write_response,
)
from genexplorer.explore.scheduler import Scheduler  # noqa: E402
from trainers.inference.chunks import Chunk  # noqa: E402

WARM_UP_MESSAGE = "warming up"


class _ResponseStream:
    """Sends responses from the working thread and the reading thread."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, response: Response) -> None:
        with self._lock:
            try:
                write_response(self._stream, response)
            except ProtocolError as error:
                body = Failure(f"the response cannot be sent: {error}", "request fewer images")
                write_response(self._stream, replace(response, body=body))
            except OSError:
                os._exit(0)  # the front end has closed the pipe


def main() -> None:
    """Read requests on a thread, import torch and the models, and respond."""
    parser = argparse.ArgumentParser(prog="genexplorer.explore.server", description=__doc__)
    parser.add_argument("--loader", default="trainers.inference.session:load", help=argparse.SUPPRESS)
    parser.add_argument(
        "--threads", type=int, default=0, help="the maximum number of threads; 0 for the share of the cores"
    )
    options = parser.parse_args()
    cores = InteractiveLease(_set_threads, max_threads=options.threads)
    responses = _ResponseStream(os.fdopen(_RESPONSES, "wb"))
    models: list[ModelCache] = []  # empty until torch is imported

    def start_operation(request: Request) -> tuple[int, Iterator[Chunk]]:
        cores.record_request()
        with cores.compute():
            step, chunks = models[0].start_operation(request)
        return step, cores.compute_each(chunks)

    scheduler = Scheduler(start_operation, responses.send)

    def receive(request: Request) -> None:
        if not models:
            warming = Progress(0.0, WARM_UP_MESSAGE)
            responses.send(Response(request.lane, request.request_number, request.op, -1, warming, 0.0, request.topic))
        scheduler.submit(request)

    threading.Thread(target=_listen, args=(os.fdopen(_REQUESTS, "rb"), receive), daemon=True).start()
    models.append(ModelCache(_load(options.loader)))
    while True:
        scheduler.run_next()


def _load(target: str) -> Load:
    module, _, name = target.partition(":")
    try:
        load: Load = getattr(importlib.import_module(module), name)
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # not sys.exit: the reading thread holds the pipe
    return load


def _set_threads(count: int) -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)


def _listen(stream: BinaryIO, receive: Callable[[Request], None]) -> NoReturn:
    try:
        while (request := read_request(stream)) is not None:
            receive(request)
    except ProtocolError as error:
        print(f"the front end sent an invalid request: {error}", file=sys.stderr)  # noqa: T201
        os._exit(1)
    os._exit(0)  # the front end has exited or closed the pipe: pending work is not needed


if __name__ == "__main__":
    main()
