"""The form of settings: what is refused, when it takes effect, how the learning rate goes on, the same as a command."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from genexplorer.runs import settings
from genexplorer.session.steering_form import SettingsForm
from tests.fixtures.fake_run import write_run


def form(tmp_path: Path, state: Literal["stopped", "succeeded"] = "stopped") -> SettingsForm:
    return SettingsForm(write_run(tmp_path, steps=20, state=state), tmp_path)


def test_the_rows_are_the_settings_with_limits_and_present_values(tmp_path: Path) -> None:
    rows = {row.key: row for row in form(tmp_path).rows}
    assert rows["model.beta"].limits == "[0, 1,000]" and rows["optim.lr"].value > 0


def test_values_are_checked_one_by_one_and_all_together(tmp_path: Path) -> None:
    edited = form(tmp_path)
    assert edited.problem == "Nothing is changed yet."
    edited.set("model.beta", "-1")
    edited.set("optim.lr", "fast")
    assert set(edited.errors) == {"model.beta", "optim.lr"}
    assert "must be at least 0" in edited.errors["model.beta"] and edited.problem in edited.errors.values()
    edited.set("optim.lr", "1e-4")
    edited.set("model.beta", "4")
    assert edited.values == {"model.beta": 4, "optim.lr": 1e-4} and edited.problem == ""
    assert "model.beta 1 → 4" in edited.changes
    edited.set("model.beta", "1.0")
    assert list(edited.values) == ["optim.lr"], "the present value is no change"
    edited.clear()
    assert not edited.values and not edited.texts


def test_a_run_without_a_worker_is_resumed_with_the_changes(tmp_path: Path) -> None:
    edited = form(tmp_path)
    edited.set("model.beta", "2")
    assert (edited.action, edited.effect) == ("Apply and resume", "from step 20 on, when it is resumed")
    name = edited.status.name
    assert edited.command == (
        f"genexplorer runs set {name} --runs-dir {tmp_path} model.beta=2 && "
        f"genexplorer runs resume {name} --runs-dir {tmp_path}"
    )


def test_a_finished_run_must_become_longer(tmp_path: Path) -> None:
    edited = form(tmp_path, "succeeded")
    edited.set("model.beta", "2")
    assert "has finished: give it a larger schedule." in edited.problem
    unit, length = edited.length_key, next(row.value for row in edited.rows if row.key == edited.length_key)
    edited.set(unit, str(length * 2))
    assert edited.problem == "" and edited.action == "Train longer"


def test_a_length_with_a_plus_is_added(tmp_path: Path) -> None:
    edited = form(tmp_path, "succeeded")
    length = next(row for row in edited.rows if row.key == edited.length_key)
    edited.set(edited.length_key, "+5")
    assert edited.values == {edited.length_key: length.value + 5} and edited.is_longer
    assert edited.allowed(length) == "steps, or +10"
    edited.set(edited.length_key, "-5")
    assert edited.errors, "less is a number like any other"


def test_another_form_takes_over_what_was_entered(tmp_path: Path) -> None:
    edited = form(tmp_path)
    edited.set("model.beta", "2")
    edited.lr_continuation = "hold"
    fresh = SettingsForm(edited.folder, edited.runs_dir)
    fresh.take_entries(edited)
    assert fresh.values == {"model.beta": 2} and fresh.lr_continuation == "hold"


def test_runs_elsewhere_are_read_only(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "elsewhere", steps=20, state="stopped")
    edited = SettingsForm(folder, tmp_path / "runs")
    edited.set("model.beta", "2")
    assert "read-only" in edited.problem and not edited.apply().ok
    assert not settings.read_changes(folder)


@pytest.mark.parametrize("continuation", ["continue", "restart", "hold"])
def test_the_learning_rate_is_previewed(tmp_path: Path, continuation: str) -> None:
    edited = form(tmp_path)
    schedule = edited.config.schedule.model_copy(update={"steps": 40, "epochs": None, "minutes": None, "lr": "cosine"})
    edited.config = edited.config.model_copy(update={"schedule": schedule})
    edited.status = replace(edited.status, progress=0.5)
    edited.rows = tuple(row for row in edited.rows if not row.key.startswith("schedule."))
    edited.values = {"schedule.steps": 80}
    edited.lr_continuation = continuation  # type: ignore[assignment]
    x, before, after = edited.lr_curves(81)
    lr = edited.config.optim.lr
    assert np.isnan(before[x > 0.5]).all() and before[0] == pytest.approx(lr)
    assert after[:20] == pytest.approx(before[:20]), "what is done stays"
    now, end = after[20], after[-1]
    expected = {
        "continue": (lr * (1 + np.cos(np.pi / 4)) / 2, 0),
        "restart": (lr, 0),
        "hold": (lr / 2, lr / 2),
    }[continuation]
    assert (now, end) == pytest.approx(expected, abs=1e-9)


def test_a_schedule_that_is_entered_too_is_previewed(tmp_path: Path) -> None:
    edited = form(tmp_path)
    schedule = edited.config.schedule.model_copy(
        update={"steps": 40, "epochs": None, "minutes": None, "lr": "constant"}
    )
    edited.config = edited.config.model_copy(update={"schedule": schedule})
    edited.values = {"schedule.steps": 80}
    assert not edited.has_lr_choice, "a constant learning rate goes on as it is"
    edited.values = {"schedule.steps": 80, "schedule.lr": "linear"}
    assert edited.has_lr_choice
    x, _, after = edited.lr_curves(81)
    assert after[-1] == pytest.approx(0) and after[60] == pytest.approx(edited.config.optim.lr * (1 - x[60]))
