"""Runs that an earlier version stopped at step 3 of 6 open and resume, with that version's own names in their files.

Their configurations hold `binarisation`, `dequantisation` and `discretised-logistic`. `expected.safetensors` has the
state that the earlier version reached at step 6 without a stop.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import State
from trainers.config import parse
from trainers.events import CheckpointReady, Finished, Metrics
from trainers.storage import checkpoint
from trainers.training.loop import train

RUNS = Path(__file__).parents[2] / "fixtures" / "earlier_version"
FAMILIES = ("vae", "flow", "gan")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_resumed_run_ends_as_the_earlier_version_would_have(family: str) -> None:
    config = parse(json.loads((RUNS / family / "config.json").read_text()))
    resume = checkpoint.load(RUNS / family / "checkpoints" / "step-00000003")
    events = list(train(config, resume=resume))
    assert [event.step for event in events if isinstance(event, Metrics) and "train/loss" in str(event.values)][-1] == 6
    assert isinstance(events[-1], Finished) and events[-1].outcome == "succeeded"
    reached = [event for event in events if isinstance(event, CheckpointReady)][-1].arrays
    expected = load_file(RUNS / family / "expected.safetensors")
    assert expected and expected.keys() <= reached.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(np.asarray(reached[name], array.dtype), array, rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("family", FAMILIES)
def test_its_configuration_is_read_and_written_with_the_present_names(family: str) -> None:
    written = json.dumps(parse(json.loads((RUNS / family / "config.json").read_text())).model_dump(mode="json"))
    assert "binarization" in written
    assert not [old for old in ("binarisation", "dequantisation", "discretised") if old in written]


@pytest.mark.parametrize("family", FAMILIES)
def test_readers_open_it(family: str, tmp_path: Path) -> None:
    shutil.copytree(RUNS / family, tmp_path / "run")
    reader = RunReader(tmp_path / "run")
    assert reader.read_new().status.state is State.STOPPED
    card = reader.card(3)
    assert card.family == family and card.capability("sample").available
    assert any(name.startswith("test/") for name in card.metrics) or not card.metrics
