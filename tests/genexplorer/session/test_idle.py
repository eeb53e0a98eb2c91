"""How closely a face follows a run."""

from genexplorer.runs.commands.inbox import WATCH_EXPIRES_S
from genexplorer.session.idle import IdleTracker
from trainers.events import Viewers


def test_a_face_that_nobody_touches_looks_less_often_until_somebody_does() -> None:
    clock = [100.0]
    attention = IdleTracker(lambda: clock[0])
    seen = []
    for clock[0] in (100.0, 109.9, 110.0, 159.9, 160.0, 99_999.0):
        seen.append((attention.look_s, attention.calm, attention.alone))
    close, calm, alone = (0.25, False, False), (2.0, True, False), (8.0, True, True)
    assert seen == [close, close, calm, calm, alone, alone]
    attention.touch()
    assert (attention.look_s, attention.calm, attention.alone) == close


def test_a_face_left_alone_for_long_still_counts_as_looking_from_one_look_to_the_next() -> None:
    attention = IdleTracker(iter([0.0, *[1e6] * 9]).__next__)
    assert 2 * attention.look_s < WATCH_EXPIRES_S[Viewers.IDLE]
