"""How long an address must wait that showed wrong credentials."""

from opsgate.access.throttle import Failures


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class TestFailures:
    def test_some_are_forgiven(self) -> None:
        failures = Failures(3, Clock())
        for _ in range(2):
            failures.note("a")
        assert failures.seconds_left("a") == 0

    def test_then_it_must_wait_for_a_minute_from_the_first_of_them(self) -> None:
        clock = Clock()
        failures = Failures(3, clock)
        for _ in range(3):
            failures.note("a")
            clock.now += 10
        assert failures.seconds_left("a") == 30
        clock.now += 30
        assert failures.seconds_left("a") == 0

    def test_others_need_not(self) -> None:
        failures = Failures(1, Clock())
        failures.note("a")
        assert (failures.seconds_left("a"), failures.seconds_left("b")) == (60, 0)

    def test_addresses_beyond_number_cost_no_memory(self) -> None:
        failures = Failures(1, Clock())
        for number in range(10_002):
            failures.note(str(number))
        assert (failures.seconds_left("1"), failures.seconds_left("2")) == (0, 60)
