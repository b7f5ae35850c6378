from runtime.health import Health


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_new_process_is_alive_and_not_ready() -> None:
    health = Health(Clock())
    assert health.stuck() == []
    assert health.unready() == ["Kafka: has not answered yet"]


def test_it_is_ready_once_every_part_is() -> None:
    health = Health(Clock())
    health.report("partitions", "none")
    health.report("Kafka", None)
    assert health.unready() == ["partitions: none"]
    health.report("partitions", None)
    assert health.unready() == []


def test_the_newest_reason_of_a_part_counts() -> None:
    health = Health(Clock())
    health.report("Kafka", "first")
    health.report("Kafka", "second")
    assert health.unready() == ["Kafka: second"]


def test_a_loop_hangs_once_its_time_is_over_and_no_more_when_it_moves() -> None:
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


def test_a_loop_that_has_not_begun_hangs_not() -> None:
    clock = Clock()
    health = Health(clock)
    clock.now_s += 3600.0
    assert health.stuck() == []
