"""The Manifold tab on a model that was really trained, asked through the real child."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from genexplorer.explore.client import ExplorerClient
from genexplorer.session.palette import LIGHT
from genexplorer.session.run_poller import RunPoller
from genexplorer.session.step_selection import StepSelection
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.model_client import ModelClient
from genexplorer.viewer.tabs.manifold.tab import ManifoldTab

# A process of its own trains: importing torch beside Qt is slow, and no face ever does it.
_TRAIN = """
import sys
from pathlib import Path
from genexplorer.runs.store import RunStore
from genexplorer.runs.writer import RunWriter
from trainers.config import parse
from trainers.training.loop import train
config = parse({
    "model": {"name": "vae", "latent_dim": 2, "hidden": [16]},
    "data": {"name": "mnist", "limit": 256},
    "schedule": {"steps": 3},
    "execution": {"threads": 1, "device": "cpu"},
})
folder = RunStore(Path(sys.argv[1])).create(config, name="real")
writer = RunWriter(folder, config, threads=1)
for event in train(config):
    writer.record(event)
writer.close("succeeded")
print(folder)
"""


@pytest.mark.process
@pytest.mark.timeout(120)
def test_the_plane_is_filled_by_a_real_model(qtbot: QtBot, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _TRAIN, str(tmp_path)], capture_output=True, text=True, check=True)
    context = ViewerContext(StepSelection(), LIGHT, ModelClient(ExplorerClient), tmp_path)
    tab = ManifoldTab(context)
    context.run_changed.connect(lambda: tab.set_run(context.run))
    context.step_changed.connect(lambda step: tab.on_time(None if step < 0 else step))
    window = QWidget()
    QVBoxLayout(window).addWidget(tab)
    window.resize(1000, 700)
    window.show()
    tab.is_active = True
    followed = RunPoller(Path(done.stdout.strip()))
    followed.poll()
    context.open(followed)
    try:
        view, data = tab.view, tab.data
        is_filled = lambda: (mosaic := view.tile_loader.mosaic) is not None and bool(mosaic.decoded.all())  # noqa: E731
        qtbot.waitUntil(lambda: view.encodings.cloud is not None, timeout=60_000)
        tab.selection.move_to((0.5, -0.5), picked=3)
        qtbot.waitUntil(lambda: data.picked is not None and data.nearest is not None, timeout=30_000)
        qtbot.waitUntil(is_filled, timeout=60_000)
        mosaic = view.tile_loader.mosaic
        assert mosaic is not None and mosaic.step == followed.snapshots[-1]
        assert np.ptp(mosaic.pixels) > 0 and not tab.waiting_reason()
        data.hover(5)
        qtbot.waitUntil(lambda: data.hovered is not None and data.posterior is not None, timeout=30_000)
    finally:
        tab.closing()
        context.close()
        window.close()
