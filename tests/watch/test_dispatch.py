"""The order of tickets is fair, and nothing overtakes an earlier version of itself."""

from __future__ import annotations

from collections import Counter

from impasto.watch.dispatch import FIRST_WAIT, HOUR, LONGEST_WAIT, Dispatcher, HourlyLimit, Waiting

NOBODY: frozenset[str] = frozenset()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def ticket(
    n: int, sender: str = "", rule: str = "paint", key: str = "", version: int = 0
) -> Waiting:
    key = key or f"{sender}/{n}.mp4"
    name = f"{abs(hash(key)) % (1 << 64):016x}-{version:016x}"
    return Waiting(float(n), key, name, rule, sender)


def has_room(_: str, __: int) -> bool:
    return True


def taken(dispatcher: Dispatcher, count: int) -> list[Waiting]:
    """Take one after the other, each ending before the next one is taken."""
    found = []
    for _ in range(count):
        waiting = dispatcher.take((), has_room, NOBODY)
        if waiting is None:
            break
        found.append(waiting)
        dispatcher.forget(waiting.subject)
    return found


def test_one_that_drops_ten_thousand_does_not_starve_the_others() -> None:
    dispatcher = Dispatcher()
    for n in range(10_000):
        dispatcher.add(ticket(n, "greedy"))
    for n in range(20_000, 20_020):
        dispatcher.add(ticket(n, "modest"))
    senders = Counter(each.sender for each in taken(dispatcher, 40))
    assert senders == {"greedy": 20, "modest": 20}


def test_rules_take_turns_whatever_they_hold() -> None:
    dispatcher = Dispatcher()
    for n in range(100):
        dispatcher.add(ticket(n, rule="many"))
    dispatcher.add(ticket(1000, rule="few"))
    assert "few" in {each.rule for each in taken(dispatcher, 2)}


def test_a_senders_own_objects_go_in_the_order_in_which_they_came() -> None:
    dispatcher = Dispatcher()
    for n in (5, 3, 9, 1):
        dispatcher.add(ticket(n, "a"))
    assert [each.modified for each in taken(dispatcher, 9)] == [1, 3, 5, 9]


def test_a_later_version_waits_until_the_earlier_one_has_ended() -> None:
    dispatcher = Dispatcher()
    first, second = (ticket(n, key="clip.mp4", version=n) for n in (1, 2))
    dispatcher.add(first)
    dispatcher.add(second)
    assert dispatcher.take((), has_room, NOBODY) == first
    assert dispatcher.take([first], has_room, NOBODY) is None
    dispatcher.forget(first.subject)
    assert dispatcher.take((), has_room, NOBODY) == second


def test_what_another_watcher_drives_is_passed_over_and_stays() -> None:
    dispatcher = Dispatcher()
    theirs, ours = ticket(1, "a"), ticket(2, "a")
    dispatcher.add(theirs)
    dispatcher.add(ours)
    assert dispatcher.take((), has_room, {theirs.subject}) == ours
    assert dispatcher.take((), has_room, NOBODY) == theirs


def test_a_rule_without_room_lets_others_pass() -> None:
    dispatcher = Dispatcher()
    dispatcher.add(ticket(1, rule="full"))
    dispatcher.add(ticket(2, rule="free"))
    found = dispatcher.take((), lambda rule, _: rule != "full", NOBODY)
    assert found is not None
    assert found.rule == "free"
    assert dispatcher.take((), lambda rule, _: rule != "full", NOBODY) is None


def test_what_failed_waits_longer_each_time_up_to_a_limit() -> None:
    clock = Clock()
    dispatcher = Dispatcher(clock)
    one = ticket(1)
    dispatcher.add(one)
    waits = []
    for _ in range(10):
        assert dispatcher.take((), has_room, NOBODY) == one
        dispatcher.put_back(one.subject)
        assert dispatcher.take((), has_room, NOBODY) is None
        due = dispatcher.due()
        assert due is not None
        waits.append(due)
        clock.now += due
    assert waits[:3] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert waits[-1] == LONGEST_WAIT


def test_what_is_forgotten_never_comes_back() -> None:
    clock = Clock()
    dispatcher = Dispatcher(clock)
    waits, postponed = ticket(1, "a"), ticket(2, "a")
    dispatcher.add(waits)
    dispatcher.add(postponed)
    assert dispatcher.take((), has_room, NOBODY) == waits
    dispatcher.put_back(waits.subject)
    dispatcher.forget(waits.subject)
    dispatcher.forget(postponed.subject)
    clock.now += LONGEST_WAIT
    assert dispatcher.take((), has_room, NOBODY) is None
    assert len(dispatcher) == 0


def test_what_is_known_is_not_queued_twice() -> None:
    dispatcher = Dispatcher()
    for _ in range(3):
        dispatcher.add(ticket(1))
    assert len(taken(dispatcher, 9)) == 1


def test_jobs_of_the_last_hour_are_counted_with_those_of_an_earlier_watcher() -> None:
    clock = Clock()
    limit = HourlyLimit(clock)
    limit.seed("paint", (10.0, HOUR - 10.0))
    limit.begin("paint")
    assert limit.count("paint") == 3
    clock.now += 20.0
    assert limit.count("paint") == 2
    assert limit.count("other") == 0


def test_a_rule_that_is_forgotten_takes_nothing_of_others_along() -> None:
    dispatcher = Dispatcher(Clock())
    for n in range(4):
        dispatcher.add(ticket(n, sender="a"))
        dispatcher.add(ticket(n, sender="a", rule="other"))
    later = [each.subject for each in taken(dispatcher, 2)]
    for subject in later:
        dispatcher.put_back(subject)
    dispatcher.forget_rules({"paint", "unknown"})
    assert {each.rule for each in taken(dispatcher, 9)} == {"other"}
    assert all(subject not in dispatcher for subject in later if subject.startswith("paint"))
    dispatcher.add(ticket(9))
    assert taken(dispatcher, 9)[0] == ticket(9)
