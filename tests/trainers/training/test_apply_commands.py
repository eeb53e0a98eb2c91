"""Commands: obeyed at their step, answered, kept; refused with a reason."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainers import tiny
from trainers.events import (
    Alert,
    CheckpointReady,
    Command,
    CommandApplied,
    Finished,
    Metrics,
    Pause,
    Phase,
    Resume,
    SaveNow,
    Set,
    Started,
    Stop,
    Threads,
)
from trainers.training import loop


def run(folder: Path, lines: dict[int, list[Command]], *layers: dict[str, Any], **given: Any) -> list[Any]:
    return list(loop.train(tiny.config(folder, *layers, **given), control=tiny.Script(lines)))


def test_it_polls_at_each_step_boundary(folder: Path) -> None:
    control = tiny.Script({})
    list(loop.train(tiny.config(folder, steps=4), control=control))
    assert control.polled == [0, 1, 2, 3]


def test_stop_saves_and_finishes(folder: Path) -> None:
    events = run(folder, {5: [Stop("a")]})
    assert tiny.of(events, CommandApplied) == [CommandApplied(5, "a", "stop")]
    assert [(state.step, state.reason) for state in tiny.of(events, CheckpointReady)] == [(5, "stop")]
    assert events[-1] == Finished(5, "stopped")
    assert isinstance(events[-2], CheckpointReady)


def test_stop_before_the_first_step(folder: Path) -> None:
    assert run(folder, {0: [Stop()]})[-1] == Finished(0, "stopped")


def test_save_now(folder: Path) -> None:
    events = run(folder, {3: [SaveNow("s")]}, steps=4)
    assert [(state.step, state.reason) for state in tiny.of(events, CheckpointReady)] == [(3, "requested"), (4, "end")]


def test_an_applied_change_is_part_of_the_next_checkpoint(folder: Path) -> None:
    events = run(folder, {3: [Set({"optim.lr": 0.5}, id="s"), Set({"no.such": 1}, id="t"), SaveNow()]}, steps=4)
    saved = tiny.of(events, CheckpointReady)
    assert [(state.step, state.reason) for state in saved] == [(3, "requested"), (4, "end")]
    assert saved[0].meta["changes"] == [{"step": 3, "path": "optim.lr", "value": 0.5, "number": 0}]
    assert saved[0].meta["evaluated_at"] == -1, "the state is of the step's beginning: it is judged after the resume"


class Pausing(tiny.Script):
    """Pauses at step 3 and says what follows at the third poll of the pause."""

    def __init__(self, then: Command) -> None:
        super().__init__({3: [Pause("p")]})
        self._then = then

    def poll(self, step: int) -> Any:
        said = super().poll(step)
        return [self._then] if self.polled.count(3) == 4 and step == 3 else said


def test_a_pause_yields_heartbeats_and_ends(folder: Path) -> None:
    events = list(loop.train(tiny.config(folder, steps=5), control=Pausing(Resume("r"))))
    assert [(c.step, c.command, c.command_id) for c in tiny.of(events, CommandApplied)] == [
        (3, "pause", "p"),
        (3, "resume", "r"),
    ]
    assert Phase(3, "paused") in events
    assert events[-1] == Finished(5, "succeeded")


def test_a_pause_is_not_training_time(folder: Path) -> None:
    clock = {"now": 0.0}

    class Slow(Pausing):
        def poll(self, step: int) -> Any:
            if step == 3:
                clock["now"] += 1000.0  # each poll of the pause takes long
            return super().poll(step)

    events = list(loop.train(tiny.config(folder, steps=5), control=Slow(Resume()), clock=lambda: clock["now"]))
    assert tiny.of(events, Metrics)[-1].elapsed_s == 1000.0  # the poll before the pause began; not the three in it


def test_stop_ends_a_pause(folder: Path) -> None:
    events = list(loop.train(tiny.config(folder, steps=5), control=Pausing(Stop())))
    assert events[-1] == Finished(3, "stopped")


def test_set_takes_effect_at_its_step(folder: Path) -> None:
    constant = {"schedule": {"steps": 6, "lr": "constant"}}
    events = run(folder, {3: [Set({"optim.lr": 5e-4}, id="x")]}, constant)
    assert tiny.of(events, CommandApplied) == [CommandApplied(3, "x", "set", {"optim.lr": 5e-4})]
    rates = [event.values["train/lr"] for event in tiny.of(events, Metrics) if "train/lr" in event.values]
    assert rates == [1e-3] * 3 + [5e-4] * 3


def test_set_none_ends_gradient_clipping(folder: Path) -> None:
    events = run(folder, {3: [Set({"optim.grad_clip": None}, id="x")]}, {"optim": {"grad_clip": 1e-6}}, steps=4)
    assert tiny.of(events, CommandApplied) == [CommandApplied(3, "x", "set", {"optim.grad_clip": None})]
    assert tiny.of(events, CheckpointReady)[0].meta["changes"] == [
        {"step": 3, "path": "optim.grad_clip", "value": None, "number": 0}
    ]
    assert events[-1] == Finished(4, "succeeded")


def test_set_beta_changes_the_loss_and_not_the_elbo(folder: Path) -> None:
    events = run(folder, {2: [Set({"model.beta": 0.0})]}, steps=4)
    for event in (event for event in tiny.of(events, Metrics) if "train/loss" in event.values):
        expected = event.values["train/recon"] + (event.values["train/kl"] if event.step <= 2 else 0)
        assert event.values["train/loss"] == pytest.approx(expected, rel=1e-5)


REFUSED: dict[str, tuple[Command, str]] = {
    "unknown": (Set({"optim.lrr": 1.0}), "cannot be changed during training: settable are optim.lr"),
    "architecture": (Set({"model.latent_dim": 3}), "cannot be changed"),
    "negative": (Set({"optim.lr": -1.0}), "optim.lr: must be greater than 0"),
    "nan": (Set({"optim.lr": float("nan")}), "optim.lr"),
    "infinite": (Set({"optim.lr": float("inf")}), "optim.lr"),
    "text": (Set({"model.beta": "much"}), "model.beta"),
    "too few threads": (Threads(0), "threads: 0 is not between"),
    "too many threads": (Threads(100_000), "threads: 100000 is not between"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_invalid_command_is_refused_and_training_continues(folder: Path, case: str) -> None:
    command, expected = REFUSED[case]
    plain = run(folder, {}, steps=3)
    events = run(folder, {1: [command]}, steps=3)
    (change,) = tiny.of(events, CommandApplied)
    assert expected in change.error
    assert events[-1] == Finished(3, "succeeded")
    final, undisturbed = (tiny.of(e, CheckpointReady)[-1] for e in (events, plain))
    assert all((final.arrays[name] == undisturbed.arrays[name]).all() for name in final.arrays)
    assert final.meta["changes"] == []


def test_settings_that_a_preset_fixes_cannot_be_changed(folder: Path) -> None:
    from trainers import presets

    config = presets.assemble("uva2019-vae", {"data": {"limit": 128, "limit_test": 10}})
    events: list[Any] = []
    for event in loop.train(config, control=tiny.Script({0: [Set({"optim.lr": 0.5}), Stop()]})):
        events.append(event)
    assert "to reproduce UvA" in tiny.of(events, CommandApplied)[0].error


def test_threads(folder: Path) -> None:
    thread_counts: list[int] = []
    for event in loop.train(tiny.config(folder, steps=3), control=tiny.Script({1: [Threads(2, "t")]})):
        if isinstance(event, Metrics) and "train/loss" in event.values:
            thread_counts.append(torch.get_num_threads())
        if isinstance(event, CommandApplied):
            assert event == CommandApplied(1, "t", "threads", {"threads": 2})
    assert thread_counts == [1, 2, 2]


def test_threads_above_a_limit_of_openmp_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_THREAD_LIMIT", "2")
    events = run(folder, {1: [Threads(3)]}, {"execution": {"threads": 5}}, steps=2)
    (started,) = tiny.of(events, Started)
    assert started.threads == 2
    assert [alert.message for alert in tiny.of(events, Alert) if alert.code == "threads_limited"] == [
        "execution.threads: 5 exceeds OMP_THREAD_LIMIT=2; the training uses 2"
    ]
    assert tiny.of(events, CommandApplied)[0].error.startswith("threads: 3 exceeds OMP_THREAD_LIMIT=2")


def test_threads_are_pinned_by_deterministic(folder: Path) -> None:
    events = run(folder, {1: [Threads(2)]}, {"execution": {"deterministic": True}}, steps=2)
    assert "pinned" in tiny.of(events, CommandApplied)[0].error
