from processor.watchdog import STALLED_AFTER_S, Watchdog


def test_a_partition_that_stands_still_before_waiting_records_is_stalled() -> None:
    watchdog = Watchdog()
    assert watchdog.stalled({0: (5, 9), 1: (5, 9)}, 0.0) == ()
    assert watchdog.stalled({0: (5, 9), 1: (6, 9)}, STALLED_AFTER_S) == (0,)


def test_a_partition_read_to_its_end_may_stand_still() -> None:
    watchdog = Watchdog()
    watchdog.stalled({0: (9, 9)}, 0.0)
    assert watchdog.stalled({0: (9, 9)}, 10 * STALLED_AFTER_S) == ()


def test_a_partition_that_comes_back_starts_afresh() -> None:
    watchdog = Watchdog()
    watchdog.stalled({0: (5, 9)}, 0.0)
    watchdog.stalled({}, 30.0)
    assert watchdog.stalled({0: (5, 9)}, STALLED_AFTER_S) == ()
