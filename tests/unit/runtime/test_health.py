from runtime.health import Health


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_new_process_is_alive_and_not_ready() -> None:
    health = Health(Clock())
    assert health.stuck() == []
    assert health.unready() == ["Kafka: has not answered yet"]


def test_a_process_is_ready_when_all_its_parts_are() -> None:
    health = Health(Clock())
    health.report("partitions", "none")
    health.report("Kafka", None)
    assert health.unready() == ["partitions: none"]
    health.report("partitions", None)
    assert health.unready() == []


def test_a_new_reason_replaces_the_previous_one() -> None:
    health = Health(Clock())
    health.report("Kafka", "first")
    health.report("Kafka", "second")
    assert health.unready() == ["Kafka: second"]


def test_a_loop_is_stuck_after_its_timeout_until_the_next_beat() -> None:
    clock = Clock()
    health = Health(clock)
    health.report("Kafka", None)
    health.beat("reading", 60.0)
    clock.now_s += 60.0
    assert health.stuck() == []
    clock.now_s += 0.6
    assert health.stuck() == health.unready() == ["reading: has not moved for 61 s"]
    health.beat("reading", 60.0)
    assert health.stuck() == []


def test_a_loop_that_has_not_started_is_not_stuck() -> None:
    clock = Clock()
    health = Health(clock)
    clock.now_s += 3600.0
    assert health.stuck() == []
