"""What may be imported when: faces stand without torch, and importing anything does nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FACES = {
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
    "the viewer": ("torch", "textual", "pyqtgraph", "pydantic"),  # its tabs, with pyqtgraph, come after its window
    "the dashboard": ("torch", "PyQt6", "pyqtgraph", "pydantic"),
}


def modules_after(code: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after running `code`."""
    probe = f"{code}\nimport json, sys\nprint('\\n' + json.dumps(sorted({{m.partition('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.strip().splitlines()[-1]))


@pytest.mark.parametrize("face", FACES)
def test_a_face_starts_without_torch(face: str) -> None:
    """Importing torch costs seconds; a face must stand before that."""
    loaded = modules_after(FACES[face])
    assert not loaded & set(FORBIDDEN.get(face, ("torch", "textual", "PyQt6", "pyqtgraph")))


def test_the_probe_sees_torch() -> None:
    """The check above could not fail if the probe were blind."""
    assert "torch" in modules_after("import trainers.training.loop")
