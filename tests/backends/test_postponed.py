"""Postponed works: one asks for all, less and less often, and the others go on when it has got through."""

from __future__ import annotations

from nika_core.app.backend.postponed import Postponed


def test_the_first_work_asks_for_all_and_the_others_go_on_when_it_has_ended() -> None:
    postponed = Postponed()

    pauses = [postponed.add("batch", name) for name in "abc"]
    asks = postponed.pause_over("batch")

    assert pauses == [(2.0, []), (None, []), (None, [])]
    assert asks == "a"
    assert postponed.ended("a") == ["b", "c"]
    assert postponed.keys == []


def test_what_is_not_there_yet_is_asked_for_less_and_less_often_by_the_same_work() -> None:
    postponed = Postponed()
    pause, _ = postponed.add("batch", "a")
    pauses = [pause]

    for _ in range(20):
        assert postponed.pause_over("batch") == "a"
        pause, free = postponed.add("batch", "a")
        assert free == []
        pauses.append(pause)

    assert pauses[:3] == [2.0, 3.0, 4.5]
    assert pauses[-1] == 60.0


def test_a_work_that_asked_and_waits_for_something_else_now_lets_the_others_go_on() -> None:
    postponed = Postponed()
    for name in "ab":
        postponed.add("search", name)
    postponed.pause_over("search")

    assert postponed.add("batch", "a") == (2.0, ["b"])


def test_a_work_that_is_removed_does_not_ask_and_the_next_one_does() -> None:
    postponed = Postponed()
    for name in "ab":
        postponed.add("batch", name)

    assert postponed.remove("a")
    assert not postponed.remove("a")
    assert postponed.pause_over("batch") == "b"
    assert postponed.ended("b") == []
    assert postponed.pause_over("batch") is None
