"""Changed settings as marks on curves and as texts."""

from genexplorer.runs import settings
from genexplorer.runs.record import CommandRow
from genexplorer.session.change_marks import ChangeMark, branch_start, change_marks, earlier_values, settings_text
from trainers.events import ON_RESUME, SettingChange
from trainers.presets import assemble


def row(step: int, path: str, value: object, *, command: str = "set", error: str = "") -> CommandRow:
    return CommandRow(step, step, step / 10, command, path, value, error)


def texts(*rows: CommandRow) -> list[str]:
    return [mark.text for mark in change_marks(rows)]


def test_settings_that_changed_together_share_a_mark() -> None:
    marks = change_marks([row(100, "model.beta", 1.0), row(100, "optim.lr", 0.0005), row(200, "model.beta", 2)])
    assert marks == (ChangeMark(100, 10.0, "beta 1, lr 0.0005"), ChangeMark(200, 20.0, "beta 2"))


def test_the_same_step_at_another_time_has_a_mark_of_its_own() -> None:
    again = CommandRow(9, 100, 99.0, "set", "model.beta", 2.0)  # after a resume from an earlier checkpoint
    assert texts(row(100, "model.beta", 1.0), again) == ["beta 1", "beta 2"]


def test_how_the_learning_rate_goes_on_is_said_in_words() -> None:
    longer = row(100, "schedule.steps", 8000)
    assert texts(longer, row(100, "schedule.restart_at", 0.25), row(100, "schedule.hold_factor", None)) == [
        "8000 steps, warm restart"
    ]
    assert texts(longer, row(100, "schedule.hold_factor", 0.5)) == ["8000 steps, lr held"]
    assert texts(longer, row(100, "schedule.restart_at", 0.0)) == ["8000 steps"]
    assert texts(row(100, "schedule.restart_at", 0.0)) == [], "nothing to see"


def test_threads_and_words_and_nothing() -> None:
    assert texts(row(1, "", 1, command="threads"), row(2, "", 4, command="threads")) == ["1 thread", "4 threads"]
    assert texts(row(1, "schedule.lr", "constant"), row(2, "optim.grad_clip", None)) == [
        "lr constant",
        "grad_clip none",
    ]


def test_what_was_refused_and_other_commands_have_no_mark() -> None:
    refused = row(1, "model.beta", -1, error="model.beta: must be at least 0")
    assert texts(refused, row(2, "", None, command="pause"), row(3, "", None, command="step")) == []


def test_a_branch_is_marked_where_it_starts_and_not_where_its_parent_started() -> None:
    parent, own = row(100, "", "red-elm", command="fork"), row(2000, "", "calm-owl", command="fork")
    history = [parent, row(150, "model.beta", 2), own, row(2000, "optim.lr", 0.1)]
    assert texts(*history) == ["beta 2", "from calm-owl at step 2,000, lr 0.1"]
    assert branch_start(history) == ChangeMark(2000, 200.0, "from calm-owl at step 2,000")
    assert branch_start([row(150, "model.beta", 2)]) is None


def test_a_long_mark_is_cut_and_control_characters_are_dropped() -> None:
    (text,) = texts(*(row(1, f"model.setting_{index}", index) for index in range(9)))
    assert len(text) <= 40 and text.startswith("setting_0 0, ")
    assert "\x1b" not in texts(row(1, "model.\x1b[31mbeta", 1))[0]


def test_earlier_values_have_the_steps_at_which_they_ended() -> None:
    config = assemble("vae-collapse")
    changes = [
        SettingChange(1200, {"model.beta": 10.0, "optim.lr": config.optim.lr}),  # the second is no change
        SettingChange(2000, {"model.beta": 1.0}),
        SettingChange(2500, {"optim.grad_clip": 5.0}),
        SettingChange(ON_RESUME, {"optim.grad_clip": None}),
    ]
    earlier = earlier_values(config, changes)
    assert earlier == {
        "model.beta": "50 until step 1,200, 10 until step 2,000",
        "optim.grad_clip": "none until step 2,500, none when it is resumed",
    }
    present = settings.with_changes(config, settings.applied(changes))
    assert settings_text(present, earlier) == (
        "model.beta 1 (50 until step 1,200, 10 until step 2,000), "
        "optim.grad_clip 5 (none until step 2,500, none when it is resumed)"
    )


def test_without_changes_there_is_no_text() -> None:
    config = assemble("vae-2d")
    assert earlier_values(config, ()) == {} and settings_text(config, {}) == ""
