"""Kafka for the tests of the pipeline: a fake, or the mock broker of librdkafka."""

from types import SimpleNamespace

import pytest

from tests.unit.writer.pipeline.clock import Clock
from tests.unit.writer.pipeline.fake_kafka import FakeKafka, MockBroker, install


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> FakeKafka:
    return install(FakeKafka(), monkeypatch)


@pytest.fixture(scope="session")
def mock_broker() -> MockBroker:
    return MockBroker()


@pytest.fixture(params=["fake", "librdkafka's mock broker"])
def any_kafka(request: pytest.FixtureRequest) -> FakeKafka | MockBroker:
    """Both, for the tests that the fake has to pass as real clients do."""
    found: FakeKafka | MockBroker = request.getfixturevalue("kafka" if request.param == "fake" else "mock_broker")
    return found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the pipeline's modules."""
    fake = Clock()
    for module in ("sink_worker", "outage_log", "dead_letters"):
        monkeypatch.setattr(f"writer.pipeline.{module}.time", SimpleNamespace(monotonic=fake.monotonic))
    return fake
