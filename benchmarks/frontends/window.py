"""The viewer as a process that prints when it shows what: `python -m benchmarks.frontends.window`.

It runs `genexplorer.viewer.main` as it is; watching the window costs one call of Python for each of its events.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.frontends.processes import COMMAND, process_tree


class Window:
    """A viewer on a run and the times of its reports, in seconds after its start; leaving the block ends it."""

    def __init__(self, words: Sequence[str], environment: dict[str, str]) -> None:
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.frontends.window", *words], env=environment, stdout=subprocess.PIPE
        )
        self.reported: dict[str, float] = {}

    def __enter__(self) -> "Window":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.process.terminate()
        try:
            self.process.wait(10.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def wait_for(self, what: str) -> float:
        """Return when something was first reported, in seconds after the start.

        Raises:
            RuntimeError: if the viewer ends before.
        """
        assert self.process.stdout is not None
        while what not in self.reported:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(
                    f"the viewer ended without reporting '{what}'; it reported {', '.join(self.reported) or 'nothing'}"
                )
            reported = json.loads(line)
            self.reported.setdefault(reported["what"], reported["at"] - self.began)
        return self.reported[what]


def viewer_start_seconds(words: Sequence[str], environment: dict[str, str]) -> float:
    """Return the seconds that `genexplorer view` takes until the viewer's own process starts."""
    began = time.perf_counter()
    process = subprocess.Popen([COMMAND, "view", *words], env=environment)
    try:
        while not _is_viewer(process.pid):
            time.sleep(0.001)
        return time.perf_counter() - began
    finally:
        for pid in reversed(process_tree(process.pid)):
            os.kill(pid, 9)
        process.wait()


def _is_viewer(pid: int) -> bool:
    return any(b"genexplorer.viewer.main" in Path(f"/proc/{one}/cmdline").read_bytes() for one in process_tree(pid))


@contextmanager
def display() -> Iterator[dict[str, str]]:
    """Start an X server without a screen; the block gets the environment that names it, empty where there is none."""
    # The server chooses a free display and writes its number to the pipe.
    ours, theirs = os.pipe()
    try:
        server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(theirs), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"],
            pass_fds=[theirs],
            stderr=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        yield {}
        return
    finally:
        os.close(theirs)
    try:
        with os.fdopen(ours) as reported:
            yield {"DISPLAY": f":{reported.readline().strip()}", "QT_QPA_PLATFORM": "xcb"}
    finally:
        server.terminate()
        server.wait()


def _report(what: str) -> None:
    print(json.dumps({"what": what, "at": time.perf_counter()}), flush=True)


def _watch(window: Any) -> None:
    """Report the first paint, an opened run and each response, after Qt has processed them."""
    from PyQt6.QtCore import QEvent, QObject, QTimer

    class Watch(QObject):
        painted = False

        def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 - Qt's name
            if not self.painted and event is not None and event.type() == QEvent.Type.Paint:
                self.painted = True
                QTimer.singleShot(0, lambda: _report("painted"))
            return False

    window.installEventFilter(Watch(window))
    window.context.run_changed.connect(lambda: QTimer.singleShot(0, lambda: _report("run")))
    window.context.model_client.result_received.connect(lambda op, *_: QTimer.singleShot(0, lambda: _report("model")))


def main() -> int:
    """Run the viewer, watched."""
    from genexplorer.viewer import main as viewer

    make = viewer.make_window

    def watched(*arguments: Any, **words: Any) -> Any:
        window = make(*arguments, **words)
        _watch(window)
        return window

    viewer.make_window = watched
    return viewer.main()


if __name__ == "__main__":
    sys.exit(main())
