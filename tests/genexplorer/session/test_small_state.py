"""Observable, StepPlayback, smoothing."""

import numpy as np
import pytest

from genexplorer.session.charts import smooth
from genexplorer.session.observable import Observable, Unsubscribe
from genexplorer.session.playback import StepPlayback


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


def counted(playback: StepPlayback) -> list[int | None]:
    calls: list[int | None] = []
    playback.subscribe(lambda: calls.append(playback.selected_step))
    return calls


def test_following_stays_at_the_newest_and_hold_stays_where_it_is() -> None:
    playback = StepPlayback()
    calls = counted(playback)
    playback.set_steps([0, 1, 2])
    playback.set_steps([0, 1, 2, 5])
    assert calls == [2, 5]
    assert playback.following
    playback.hold()
    playback.set_steps([0, 1, 2, 5, 10])
    assert playback.selected_step == 5
    playback.follow()
    assert (playback.selected_step, playback.following) == (10, True)


def test_no_change_no_notification() -> None:
    playback = StepPlayback()
    playback.set_steps([0, 5])
    calls = counted(playback)
    playback.set_steps([5, 0, 5])
    playback.follow()
    playback.pause()
    playback.tick()
    assert calls == []


@pytest.mark.parametrize(("asked", "got"), [(-7, 0), (0, 0), (3, 2), (4, 5), (7, 5), (8, 10), (99, 10)])
def test_go_holds_the_nearest_snapshot(asked: int, got: int) -> None:
    playback = StepPlayback()
    playback.set_steps([0, 1, 2, 5, 10])
    playback.select(asked)
    assert (playback.selected_step, playback.following) == (got, False)


def test_move_stops_at_both_ends() -> None:
    playback = StepPlayback()
    playback.set_steps([0, 5, 9])
    playback.move(-1)
    assert playback.selected_step == 5
    playback.move(-10)
    assert playback.selected_step == 0
    playback.move(10)
    assert (playback.selected_step, playback.following) == (9, False)


def test_play_runs_from_the_first_snapshot_to_the_newest() -> None:
    playback = StepPlayback()
    playback.set_steps([0, 5, 9])
    playback.play()
    walked = [playback.selected_step]
    while playback.playing:
        playback.tick()
        walked.append(playback.selected_step)
    assert walked == [0, 5, 9, 9]
    playback.select(5)
    playback.play()
    assert playback.selected_step == 5
    playback.pause()
    assert not playback.playing


def test_a_deleted_snapshot_is_replaced_by_the_nearest() -> None:
    playback = StepPlayback()
    playback.set_steps([0, 4, 9, 20])
    playback.select(9)
    playback.set_steps([0, 8, 20])
    assert (playback.selected_step, playback.following) == (8, False)


def test_without_snapshots_nothing_moves() -> None:
    playback = StepPlayback()
    playback.select(3)
    playback.move(1)
    playback.play()
    playback.tick()
    assert (playback.selected_step, playback.playing, playback.index) == (None, False, None)
    playback.set_steps([1, 2])
    playback.set_steps([])
    assert playback.selected_step is None


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
