"""`genexplorer view` ends with its window, and the window with it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.fixtures.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_closes_the_window_too(tmp_path: Path, number: signal.Signals) -> None:
    # A stand-in for the viewer is enough: it notes the signal that closes it.
    (tmp_path / "genexplorer_view_test.py").write_text(
        "import signal, sys, time\n"
        "from pathlib import Path\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "def close(*_):\n    (folder / 'closed').touch()\n    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, close)\n"
        "(folder / 'open').touch()\n"
        "while True:\n    time.sleep(0.05)\n"
    )
    script = (
        "import sys\nfrom genexplorer.cli import main\nfrom genexplorer.session import actions\n"
        "actions.viewer_command = lambda folder: [sys.executable, '-m', 'genexplorer_view_test']\n"
        "sys.exit(main.run(['view']))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    process = subprocess.Popen([sys.executable, "-c", script], env=environment, start_new_session=True)
    try:
        wait_until(lambda: (tmp_path / "open").exists())
        children = psutil.Process(process.pid).children()
        process.send_signal(number)
        assert process.wait(30) == 128 + number
        assert (tmp_path / "closed").exists() and not any(child.is_running() for child in children)
    finally:
        process.kill()
        process.wait()
