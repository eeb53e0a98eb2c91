"""How often a front end polls, by the time since the last input."""

from genexplorer.runs.commands.inbox import WATCH_EXPIRES_S
from genexplorer.session.run_poller import IdleTracker
from trainers.events import Watchers


def test_polling_slows_down_until_the_next_input() -> None:
    clock = [100.0]
    tracker = IdleTracker(lambda: clock[0])
    states = []
    for clock[0] in (100.0, 109.9, 110.0, 159.9, 160.0, 99_999.0):
        states.append((tracker.poll_interval_s, tracker.is_idle, tracker.is_away))
    active, idle, away = (0.25, False, False), (2.0, True, False), (8.0, True, True)
    assert states == [active, active, idle, idle, away, away]
    tracker.record_input()
    assert (tracker.poll_interval_s, tracker.is_idle, tracker.is_away) == active


def test_an_away_front_end_polls_twice_before_its_watch_expires() -> None:
    tracker = IdleTracker(iter([0.0, *[1e6] * 9]).__next__)
    assert 2 * tracker.poll_interval_s < WATCH_EXPIRES_S[Watchers.IDLE]
