"""Observable, StepSelection, smoothing."""

import numpy as np
import pytest

from genexplorer.session.charts import smooth
from genexplorer.session.observable import Observable, Unsubscribe
from genexplorer.session.step_selection import StepSelection


def test_listeners_are_called_until_they_unsubscribe() -> None:
    result: list[str] = []
    state = Observable()
    end_first = state.subscribe(lambda: result.append("first"))
    state.subscribe(lambda: result.append("second"))
    state.notify()
    end_first()
    end_first()
    state.notify()
    assert result == ["first", "second", "second"]


def test_a_listener_can_unsubscribe_another_during_notification() -> None:
    result: list[str] = []
    state = Observable()
    ends: list[Unsubscribe] = []
    state.subscribe(lambda: ends[0]())
    ends.append(state.subscribe(lambda: result.append("never")))
    state.notify()
    assert result == []


def counted(step_selection: StepSelection) -> list[int | None]:
    calls: list[int | None] = []
    step_selection.subscribe(lambda: calls.append(step_selection.selected_step))
    return calls


def test_following_stays_at_the_newest_and_hold_stays_where_it_is() -> None:
    step_selection = StepSelection()
    calls = counted(step_selection)
    step_selection.set_steps([0, 1, 2])
    step_selection.set_steps([0, 1, 2, 5])
    assert calls == [2, 5]
    assert step_selection.following
    step_selection.hold()
    step_selection.set_steps([0, 1, 2, 5, 10])
    assert step_selection.selected_step == 5
    step_selection.follow()
    assert (step_selection.selected_step, step_selection.following) == (10, True)


def test_no_change_no_notification() -> None:
    step_selection = StepSelection()
    step_selection.set_steps([0, 5])
    calls = counted(step_selection)
    step_selection.set_steps([5, 0, 5])
    step_selection.follow()
    step_selection.pause()
    step_selection.tick()
    assert calls == []


@pytest.mark.parametrize(("asked", "got"), [(-7, 0), (0, 0), (3, 2), (4, 5), (7, 5), (8, 10), (99, 10)])
def test_go_holds_the_nearest_snapshot(asked: int, got: int) -> None:
    step_selection = StepSelection()
    step_selection.set_steps([0, 1, 2, 5, 10])
    step_selection.select(asked)
    assert (step_selection.selected_step, step_selection.following) == (got, False)


def test_move_stops_at_both_ends() -> None:
    step_selection = StepSelection()
    step_selection.set_steps([0, 5, 9])
    step_selection.move(-1)
    assert step_selection.selected_step == 5
    step_selection.move(-10)
    assert step_selection.selected_step == 0
    step_selection.move(10)
    assert (step_selection.selected_step, step_selection.following) == (9, False)


def test_play_runs_from_the_first_snapshot_to_the_newest() -> None:
    step_selection = StepSelection()
    step_selection.set_steps([0, 5, 9])
    step_selection.play()
    walked = [step_selection.selected_step]
    while step_selection.playing:
        step_selection.tick()
        walked.append(step_selection.selected_step)
    assert walked == [0, 5, 9, 9]
    step_selection.select(5)
    step_selection.play()
    assert step_selection.selected_step == 5
    step_selection.pause()
    assert not step_selection.playing


def test_a_deleted_snapshot_is_replaced_by_the_nearest() -> None:
    step_selection = StepSelection()
    step_selection.set_steps([0, 4, 9, 20])
    step_selection.select(9)
    step_selection.set_steps([0, 8, 20])
    assert (step_selection.selected_step, step_selection.following) == (8, False)


def test_without_snapshots_nothing_moves() -> None:
    step_selection = StepSelection()
    step_selection.select(3)
    step_selection.move(1)
    step_selection.play()
    step_selection.tick()
    assert (step_selection.selected_step, step_selection.playing, step_selection.index) == (None, False, None)
    step_selection.set_steps([1, 2])
    step_selection.set_steps([])
    assert step_selection.selected_step is None


def test_smoothing_of_a_constant_is_the_constant_from_the_first_value_on() -> None:
    np.testing.assert_allclose(smooth(np.full(50, -148.2), 0.95), -148.2)


def test_smoothing_is_the_weighted_mean_of_the_past() -> None:
    values, weight = np.array([3.0, -1.0, 4.0, 1.5]), 0.7
    for end in range(1, 5):
        weights = weight ** np.arange(end)[::-1]
        assert smooth(values, weight)[end - 1] == pytest.approx(np.average(values[:end], weights=weights))


def test_gaps_stay_gaps_and_do_not_spread() -> None:
    calm = smooth([1.0, np.nan, 3.0, np.inf, 5.0], 0.5)
    np.testing.assert_array_equal(np.isnan(calm), [False, True, False, True, False])
    np.testing.assert_allclose(calm[[0, 2, 4]], smooth([1.0, 3.0, 5.0], 0.5))


def test_weight_zero_changes_nothing_and_one_is_refused() -> None:
    np.testing.assert_array_equal(smooth([1.0, 2.0, 9.0], 0.0), [1.0, 2.0, 9.0])
    assert smooth([], 0.5).shape == (0,)
    with pytest.raises(ValueError, match="weight"):
        smooth([1.0], 1.0)
