"""Imports at startup: front ends start without torch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROBES = {
    "the command line's help": """
import sys
from genexplorer.cli.main import main
sys.argv = ["genexplorer", "--help"]
try:
    main()
except SystemExit:
    pass
""",
    "the dashboard": "import genexplorer.dashboard.app",
    "the viewer": "import genexplorer.viewer.main, genexplorer.viewer.window",
    "the list of runs": "import genexplorer.runs.store, genexplorer.session.formatting",
    "the session": "import genexplorer.session.run_poller, genexplorer.session.actions, genexplorer.session.new_run",
    "the run folder": "import genexplorer.runs.reader, genexplorer.runs.store, genexplorer.workers.launcher",
    "the descriptors": "from trainers import registry; registry.presets()",
}
FORBIDDEN = {
    "the command line's help": ("torch", "textual", "PyQt6", "pyqtgraph", "pydantic", "numpy"),
    "the list of runs": ("torch", "textual", "PyQt6", "pyqtgraph", "pydantic", "numpy"),
    "the viewer": ("torch", "textual", "pyqtgraph", "pydantic"),  # tabs import pyqtgraph after the window is open
    "the dashboard": ("torch", "PyQt6", "pyqtgraph", "pydantic"),
}


def modules_after(code: str) -> set[str]:
    """Return the top-level modules in a fresh interpreter after running `code`."""
    probe = f"{code}\nimport json, sys\nprint('\\n' + json.dumps(sorted({{m.partition('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.strip().splitlines()[-1]))


@pytest.mark.parametrize("probe", PROBES)
def test_a_front_end_starts_without_torch(probe: str) -> None:
    """Importing torch takes seconds."""
    loaded = modules_after(PROBES[probe])
    assert not loaded & set(FORBIDDEN.get(probe, ("torch", "textual", "PyQt6", "pyqtgraph")))


def test_torch_is_detected() -> None:
    """The check above can fail."""
    assert "torch" in modules_after("import trainers.training.loop")
