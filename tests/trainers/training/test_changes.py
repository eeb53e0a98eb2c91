"""Settings that change together, lengths that grow, changes that are made again after a resume, and single steps."""

from pathlib import Path
from typing import Any

import pytest

from tests.trainers import tiny
from trainers.config import RunConfig
from trainers.events import (
    ON_RESUME,
    CheckpointReady,
    Command,
    CommandApplied,
    Finished,
    ImagesReady,
    LrContinuation,
    Metrics,
    Pause,
    Phase,
    Resume,
    ResumeState,
    SaveNow,
    Set,
    SettingChange,
    SnapshotReady,
    Started,
    Step,
    Stop,
)
from trainers.step.lr_schedule import lr_factor
from trainers.training import loop


def exact(folder: Path, steps: int = 20, **schedule: Any) -> RunConfig:
    schedule = {"steps": steps, "lr": "constant", **schedule}
    layer = {"execution": {"deterministic": True, "eval_every": 7}, "schedule": schedule}
    return tiny.config(folder, layer, steps=steps)


def train(config: RunConfig, commands: dict[int, list[Command]], **arguments: Any) -> list[Any]:
    return list(loop.train(config, control=tiny.Script(commands), **arguments))


def checkpoint_at(events: list[Any], step: int) -> ResumeState:
    state = next(state for state in tiny.of(events, CheckpointReady) if state.step == step)
    return ResumeState(state.step, state.arrays, state.meta)


def changes_of(events: list[Any]) -> tuple[SettingChange, ...]:
    return tuple([applied for applied in tiny.of(events, CommandApplied) if applied.command == "set"][-1].changes)


def test_several_settings_change_together_or_not_at_all(folder: Path) -> None:
    both = Set({"optim.lr": 0.5, "model.beta": 3.0}, id="a")
    wrong = Set({"optim.lr": 0.1, "model.beta": -1}, id="b")
    events = train(exact(folder, 4), {1: [both, wrong]})
    first, second = tiny.of(events, CommandApplied)
    assert first.values == {"optim.lr": 0.5, "model.beta": 3.0} and not first.error
    assert "model.beta" in second.error
    assert [round(event.values["train/lr"], 3) for event in tiny.of(events, Metrics) if "train/lr" in event.values] == [
        *[0.001],
        *[0.5] * 3,
    ]


def test_changes_after_the_checkpoint_are_made_again_at_their_steps(folder: Path) -> None:
    config = exact(folder)
    commands: dict[int, list[Command]] = {
        3: [Set({"optim.lr": 3e-3})],
        5: [SaveNow()],
        9: [Set({"model.beta": 0.5, "optim.grad_clip": 2.0})],
        14: [Set({"optim.lr": 1e-4})],
    }
    whole = train(config, commands)
    again = train(config, {}, resume=checkpoint_at(whole, 5), changes=changes_of(whole))
    assert not tiny.unequal(tiny.last_checkpoint(whole).arrays, tiny.last_checkpoint(again).arrays)
    assert tiny.last_checkpoint(whole).meta["changes"] == tiny.last_checkpoint(again).meta["changes"]
    from_start = train(config, {}, changes=changes_of(whole))
    assert not tiny.unequal(tiny.last_checkpoint(whole).arrays, tiny.last_checkpoint(from_start).arrays)


def test_a_change_in_the_pause_of_the_checkpoint_is_made_again_too(folder: Path) -> None:
    config = exact(folder)
    whole = train(config, {5: [SaveNow(), Set({"optim.lr": 3e-3})]})
    again = train(config, {}, resume=checkpoint_at(whole, 5), changes=changes_of(whole))
    assert not tiny.unequal(tiny.last_checkpoint(whole).arrays, tiny.last_checkpoint(again).arrays)


def test_a_new_change_replaces_those_of_the_same_setting_that_are_still_ahead(folder: Path) -> None:
    recorded = (SettingChange(9, {"optim.lr": 0.5, "model.beta": 2.0}), SettingChange(12, {"optim.lr": 0.25}))
    events = train(exact(folder), {4: [Set({"optim.lr": 0.1})]}, changes=recorded)
    assert changes_of(events) == (SettingChange(4, {"optim.lr": 0.1}), SettingChange(9, {"model.beta": 2.0}))


def test_a_change_requested_with_the_resume_is_made_first(folder: Path) -> None:
    config = exact(folder)
    stopped = train(config, {8: [Stop()]})
    requested = (SettingChange(11, {"optim.lr": 0.5}), SettingChange(ON_RESUME, {"optim.lr": 1e-4}))
    events = train(config, {}, resume=checkpoint_at(stopped, 8), changes=requested)
    assert changes_of(events) == (SettingChange(8, {"optim.lr": 1e-4}),)
    rates = {event.values["train/lr"] for event in tiny.of(events, Metrics) if "train/lr" in event.values}
    assert rates == {1e-4}


def test_a_requested_change_that_is_refused_is_dropped(folder: Path) -> None:
    events = train(exact(folder, 3), {}, changes=(SettingChange(ON_RESUME, {"optim.lr": -1.0}),))
    (reply,) = tiny.of(events, CommandApplied)
    assert "optim.lr" in reply.error and reply.changes == ()
    assert events[-1] == Finished(3, "succeeded")


def test_a_finished_training_extended_twice_equals_a_longer_one(folder: Path) -> None:
    config = exact(folder, 10)
    events = train(config, {})
    for steps in (15, 20):
        changes = (*_changes_or_none(events), SettingChange(ON_RESUME, {"schedule.steps": steps}))
        events = train(config, {}, resume=checkpoint_at(events, tiny.last_checkpoint(events).step), changes=changes)
        assert tiny.of(events, Started)[0].total_steps == steps
    longer = train(exact(folder, 20), {})
    assert not tiny.unequal(tiny.last_checkpoint(longer).arrays, tiny.last_checkpoint(events).arrays)


def _changes_or_none(events: list[Any]) -> tuple[SettingChange, ...]:
    return changes_of(events) if tiny.of(events, CommandApplied) else ()


@pytest.mark.parametrize("continuation", ["continue", "restart", "hold"])
def test_the_learning_rate_goes_on_as_requested(folder: Path, continuation: LrContinuation) -> None:
    config = exact(folder, 10, lr="cosine")
    events = train(config, {5: [Set({"schedule.steps": 20}, continuation)]})
    rates = [event.values["train/lr"] for event in tiny.of(events, Metrics) if "train/lr" in event.values]
    assert len(rates) == 20
    expected = {
        "continue": [lr_factor(config.schedule, step, step / 20, 1) for step in range(5, 20)],
        "restart": [lr_factor(config.schedule, 0, step / 15, 1) for step in range(15)],
        "hold": [0.5] * 15,
    }[continuation]
    assert rates[5:] == pytest.approx([1e-3 * factor for factor in expected])


def test_a_restarted_curve_keeps_its_start_when_the_length_grows_again(folder: Path) -> None:
    commands: dict[int, list[Command]] = {
        5: [Set({"schedule.steps": 20}, "restart")],
        10: [Set({"schedule.steps": 25}, "continue")],
    }
    events = train(exact(folder, 10, lr="linear"), commands)
    rates = [event.values["train/lr"] for event in tiny.of(events, Metrics) if "train/lr" in event.values]
    assert rates[10:] == pytest.approx([1e-3 * (1 - (step - 5) / 20) for step in range(10, 25)])


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (Set({"schedule.steps": 5}), "this length is over"),
        (Set({"schedule.minutes": 5}), "deterministic"),
        (Set({"schedule.steps": 0}), "schedule.steps"),
    ],
)
def test_a_length_that_cannot_be_is_refused(folder: Path, command: Command, expected: str) -> None:
    events = train(exact(folder, 10), {6: [command]})
    assert expected in tiny.of(events, CommandApplied)[0].error
    assert events[-1] == Finished(10, "succeeded")


def test_a_rate_of_zero_is_not_held(folder: Path) -> None:
    config = exact(folder, 10, lr="cosine")
    end = checkpoint_at(train(config, {}), 10)
    request = SettingChange(ON_RESUME, {"schedule.steps": 20}, "hold")
    events = train(config, {}, resume=end, changes=(request,))
    assert "cannot be held" in tiny.of(events, CommandApplied)[0].error


class PausedControl(tiny.Script):
    """Pauses at step 3, takes steps one by one, and resumes."""

    def __init__(self, num_steps: int) -> None:
        super().__init__({3: [Pause()]})
        self.num_steps = num_steps

    def poll(self, step: int) -> Any:
        commands = super().poll(step)
        if step < 3 or commands or self.num_steps < 0 or self.polled.count(step) < 3:
            return commands
        self.num_steps -= 1
        return [Step(f"s{step}")] if self.num_steps >= 0 else [Resume()]


def test_single_steps_of_a_paused_training_come_with_pictures(folder: Path) -> None:
    config = exact(folder, 8)
    plain = train(config, {})
    events = list(loop.train(config, control=PausedControl(2)))
    pauses = [event.step for event in events if isinstance(event, Phase) and event.name == "paused"]
    assert sorted(set(pauses)) == [3, 4, 5]
    assert {4, 5} <= {event.step for event in tiny.of(events, SnapshotReady)}
    assert {4, 5} <= {event.step for event in tiny.of(events, ImagesReady)}
    assert events[-1] == Finished(8, "succeeded")
    assert not tiny.unequal(tiny.last_checkpoint(plain).arrays, tiny.last_checkpoint(events).arrays)


def test_a_single_step_of_a_running_training_is_refused(folder: Path) -> None:
    events = train(exact(folder, 3), {1: [Step("s")]})
    assert "not paused" in tiny.of(events, CommandApplied)[0].error
