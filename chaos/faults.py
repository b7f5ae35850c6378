"""The faults: each does something to the bench, says what, and undoes it after a while."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from random import Random
from typing import Final, TypeAlias

from confluent_kafka import Producer

from chaos.bench import KINDS, Bench, Kind
from chaos.gate import Mood
from chaos.recorded import recorded, value_of
from runtime.kafka import SESSION_TIMEOUT_S, KafkaSettings, client_log, producer_settings
from schemas.codec import UndecodableError
from schemas.node_scrape import decode_scrape, encode_scrape
from schemas.topics import topics
from stack.process import Process

Steps: TypeAlias = Iterator[tuple[str, float]]
"""What was done, and for how many seconds it is left so."""

_SOON_S: Final = 1.0
_FLUSH_S: Final = 30.0
_POISON: Final = (b"not Avro", b"\xc3\x01" + b"\x07" * 8 + b"unknown fingerprint", b"")


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break something."""

    name: str
    act: Callable[[Bench, Random], Steps]
    stops_scraping: bool = False  # windows may be missed meanwhile
    poison: int = 0  # records that must end as dead letters


def killed(kind: Kind) -> Fault:
    """A worker dies and is started again at once."""

    def act(bench: Bench, chance: Random) -> Steps:
        worker = chance.choice(bench.workers[kind])
        worker.kill()
        worker.launch()
        yield f"{worker.name} killed and started again", _SOON_S

    return Fault(f"kill -9 of a {kind}", act, stops_scraping=kind == "scraper")


def frozen(kind: Kind) -> Fault:
    """A worker hangs for longer than Kafka waits for it, and goes on as if nothing had been."""

    def act(bench: Bench, chance: Random) -> Steps:
        worker = chance.choice(bench.workers[kind])
        for_s = SESSION_TIMEOUT_S + chance.uniform(2.0, 12.0)
        worker.freeze()
        yield f"{worker.name} frozen for {for_s:.0f} s", for_s
        worker.thaw()

    return Fault(f"{kind} frozen", act, stops_scraping=kind == "scraper")


def scaled(kind: Kind) -> Fault:
    """A worker more, then one of them less."""

    def act(bench: Bench, chance: Random) -> Steps:
        more = bench.add(kind)
        yield f"{more.name} added", chance.uniform(5.0, 12.0)
        less: Process = chance.choice(bench.workers[kind])
        status = bench.remove(less)
        yield f"{less.name} stopped, its status {status}", _SOON_S

    return Fault(f"{kind} added and removed", act, stops_scraping=kind == "scraper")


def _kafka_away(bench: Bench, chance: Random) -> Steps:
    for_s = chance.choice([0.0, chance.uniform(5.0, 25.0)])
    bench.kafka.kill()
    yield f"Kafka killed, away for {for_s:.0f} s", for_s
    bench.kafka.start()


def _kafka_frozen(bench: Bench, chance: Random) -> Steps:
    for_s = chance.uniform(5.0, 15.0)
    bench.kafka.freeze()
    yield f"Kafka does not answer for {for_s:.0f} s", for_s
    bench.kafka.thaw()


def _influxdb_away(bench: Bench, chance: Random) -> Steps:
    for_s = chance.uniform(0.0, 30.0)
    bench.influxdb.kill()
    yield f"InfluxDB killed, away for {for_s:.0f} s", for_s
    bench.influxdb.start()


def moody(mood: Mood) -> Fault:
    """InfluxDB answers, but not as one would like."""

    def act(bench: Bench, chance: Random) -> Steps:
        for_s = chance.uniform(5.0, 20.0)
        bench.gate.mood = mood
        yield f"InfluxDB: {mood}, for {for_s:.0f} s", for_s
        bench.gate.mood = "pass"

    return Fault(f"InfluxDB: {mood}", act)


def poisoned(topic: str) -> Fault:
    """Records that nobody can read."""

    def act(bench: Bench, chance: Random) -> Steps:
        producer = _producer(bench)
        for value in _POISON:
            producer.produce(topic, key=b"default/poison", value=value, partition=chance.randrange(12))
        producer.flush(_FLUSH_S)
        yield f"{len(_POISON)} unreadable records in {topic}", _SOON_S

    return Fault(f"poison in {topic}", act, poison=len(_POISON))


def _scraped_again(bench: Bench, chance: Random) -> Steps:
    """Records that come twice, late, and a second scrape of a window that says something else."""
    topic = topics().kubelet_stats.name
    records = list(chain.from_iterable(recorded(bench.kafka.bootstrap, topic).values()))
    producer = _producer(bench)
    chosen = chance.sample(records, min(6, len(records)))
    for number, record in enumerate(chosen):
        value = value_of(record)
        try:
            scrape = decode_scrape(value)
        except UndecodableError:
            continue
        other = replace(scrape, document=b"{}", scraped_at_ns=scrape.scraped_at_ns + 1)
        again = value if number % 2 else encode_scrape(other)
        producer.produce(
            topic, key=scrape.key, value=again, partition=record.partition() or 0, timestamp=record.timestamp()[1]
        )
    producer.flush(_FLUSH_S)
    yield f"{len(chosen)} older records of {topic} once more, half of them with another content", _SOON_S


FAULTS: Final[tuple[Fault, ...]] = (
    *(make(kind) for kind in KINDS for make in (killed, killed, frozen, scaled)),
    Fault("Kafka killed", _kafka_away, stops_scraping=True),
    Fault("Kafka frozen", _kafka_frozen, stops_scraping=True),
    Fault("InfluxDB killed", _influxdb_away),
    *(moody(mood) for mood in ("unavailable", "too many", "unauthorized", "hang", "lose answers")),
    poisoned(topics().kubelet_stats.name),
    poisoned(topics().derived_metrics.name),
    Fault("scraped again", _scraped_again),
)
"""All of them; a run takes them in an order by its seed, each once before any comes again."""


def _producer(bench: Bench) -> Producer:
    return Producer(producer_settings(KafkaSettings(bench.kafka.bootstrap), "chaos"), logger=client_log)
