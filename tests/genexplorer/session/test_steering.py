"""Steering of runs without a worker: what is refused, what is stored for the next start, what alerts suggest."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from genexplorer.errors import ConfigError
from genexplorer.runs import layout, settings
from genexplorer.runs.record import RunStatus, State
from genexplorer.runs.status.run_status import read_status
from genexplorer.session import steering
from tests.fixtures.fake_run import config, write_run
from trainers import presets
from trainers.events import ON_RESUME, SettingChange


def stopped_run(runs_dir: Path) -> Path:
    return write_run(runs_dir, steps=20, state="stopped")


def test_requests_for_the_next_start_are_collected(tmp_path: Path) -> None:
    folder = stopped_run(tmp_path)
    first = steering.set_settings(folder, tmp_path, {"model.beta": 2.0, "schedule.steps": 50})
    assert first.ok and "when 'genexplorer runs resume" in first.message
    steering.set_settings(folder, tmp_path, {"optim.lr": 1e-4})
    steering.set_settings(folder, tmp_path, {"schedule.epochs": 3.0}, lr_continuation="restart")
    (request,) = settings.read_changes(folder)
    values = {"model.beta": 2.0, "optim.lr": 1e-4, "schedule.epochs": 3.0}
    assert request == SettingChange(ON_RESUME, values, "restart")
    changed = settings.config_at(folder)
    assert (changed.optim.lr, changed.schedule.epochs, changed.schedule.steps) == (1e-4, 3.0, None)
    assert settings.config_at(folder, 10**6) == settings.config_at(folder, 0), "requests belong to no step yet"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"model.latent_dim": 3}, "model.latent_dim: cannot be changed"),
        ({"model.beta": -1.0}, "model.beta: must be at least 0"),
        ({"optim.lr": "fast"}, "optim.lr"),
    ],
)
def test_a_refused_request_changes_nothing(tmp_path: Path, values: Any, expected: str) -> None:
    folder = stopped_run(tmp_path)
    result = steering.set_settings(folder, tmp_path, {"optim.lr": 0.5, **values})
    assert not result.ok and expected in result.message and result.exit_code == 2
    assert not (folder / layout.CHANGES).exists()


def test_a_finished_run_takes_a_longer_length_only(tmp_path: Path) -> None:
    folder = write_run(tmp_path, steps=20)
    assert "has finished" in steering.set_settings(folder, tmp_path, {"model.beta": 2.0}).message
    assert not settings.is_longer_on_resume(folder)
    assert steering.set_settings(folder, tmp_path, {"schedule.steps": 9999, "model.beta": 2.0}).ok
    assert settings.is_longer_on_resume(folder)


def test_damaged_changes_are_reported(tmp_path: Path) -> None:
    folder = stopped_run(tmp_path)
    (folder / layout.CHANGES).write_text('{"changes": [{"step": 3, "values": {"optim.lr": []}}]}')
    result = steering.set_settings(folder, tmp_path, {"optim.lr": 0.5})
    assert not result.ok and layout.CHANGES in result.message and result.exit_code == 4


def longer(
    schedule: Mapping[str, float], amount: float, unit: str, total_steps: int | None = None
) -> tuple[str, float]:
    run = RunStatus("x", Path("x"), "calm-owl", State.SUCCEEDED, "vae-2d", "vae", "mnist", total_steps=total_steps)
    return steering.longer(presets.assemble("vae-2d", {"schedule": schedule}), run, amount, unit)


def test_lengths_add_up_in_the_unit_of_the_run() -> None:
    assert longer({"epochs": 3}, 2, "epochs") == ("schedule.epochs", 5)
    assert longer({"steps": 30}, 20, "steps") == ("schedule.steps", 50)
    assert longer({"epochs": 3}, 20, "steps", total_steps=300) == ("schedule.steps", 320)
    assert longer({"minutes": 3}, 0.5, "minutes") == ("schedule.minutes", 3.5)
    for schedule, unit in (({"minutes": 3}, "steps"), ({"steps": 3}, "epochs"), ({"epochs": 3}, "minutes")):
        with pytest.raises(ConfigError, match="length of calm-owl is given in"):
            longer(schedule, 1, unit)
    with pytest.raises(ConfigError, match="not longer"):
        longer({"steps": 3}, 0, "steps")


def test_alerts_suggest_a_change_where_there_is_one(tmp_path: Path) -> None:
    collapsed = presets.assemble("vae-collapse")
    change = steering.suggestion("kl_dim_collapsed", collapsed)
    assert change is not None and change.label == "Set model.beta to 1"
    folder = stopped_run(tmp_path)
    status = read_status(folder)
    commands = {state: change.command(replace(status, state=state), collapsed) for state in State}
    run = f"{status.name} --runs-dir {tmp_path}"
    assert commands[State.RUNNING] == f"genexplorer runs set {run} model.beta=1"
    assert commands[State.STOPPED] == f"genexplorer runs resume {run} --set model.beta=1"
    assert commands[State.SUCCEEDED] == f"genexplorer runs extend {run} --steps 3000 --set model.beta=1"
    assert steering.suggestion("kl_dim_collapsed", config()) is None, "beta is 1 already"
    assert steering.suggestion("images_skipped", collapsed) is None
    slower = steering.suggestion("loss_not_finite", config())
    assert slower is not None and 0 < float(str(slower.values["optim.lr"])) < config().optim.lr
