"""The faults: each does something to the bench, says what, and undoes it after a while."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from random import Random
from typing import Final, NamedTuple, TypeAlias

from confluent_kafka import Producer

from runtime.kafka import SESSION_TIMEOUT_S, KafkaSettings, client_log, producer_settings
from schemas.codec import UndecodableError
from schemas.node_scrape import decode_scrape, encode_scrape
from schemas.topics import DEFAULT_PARTITIONS, topics
from tools.chaos.bench import KINDS, Bench, Kind
from tools.chaos.gate import Mood
from tools.chaos.recorded import SENT_BY_CHAOS, recorded, value_of
from tools.stack.process import Process


class Done(NamedTuple):
    """What was done, for how many seconds it is left so, and in which partitions it costs a takeover."""

    what: str
    for_s: float
    orphaned: frozenset[int] = frozenset()


Steps: TypeAlias = Iterator[Done]

_SOON_S: Final = 1.0
_AGAIN: Final = 4
_RECENT: Final = 2  # records of a partition: of windows that are remembered for long enough
_FLUSH_S: Final = 30.0
_ALL: Final = frozenset(range(DEFAULT_PARTITIONS))
_POISON: Final = (b"not Avro", b"\xc3\x01" + b"\x07" * 8 + b"unknown fingerprint", b"")


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break something."""

    name: str
    act: Callable[[Bench, Random], Steps]
    of_scrapers: bool = False  # begins when they have shared the nodes among them, so that it is told what it costs
    poison: int = 0  # records that must end as dead letters


def killed(kind: Kind) -> Fault:
    """A worker dies and is started again at once."""

    def act(bench: Bench, chance: Random) -> Steps:
        worker = chance.choice(bench.workers[kind])
        worker.kill()
        orphaned = bench.scraped_by(worker)
        bench.launch(worker)
        yield Done(f"{worker.name} killed and started again", _SOON_S, orphaned)

    return Fault(f"kill -9 of a {kind}", act, of_scrapers=kind == "scraper")


def frozen(kind: Kind) -> Fault:
    """A worker hangs for longer than Kafka waits for it, and goes on as if nothing had been."""

    def act(bench: Bench, chance: Random) -> Steps:
        worker = chance.choice(bench.workers[kind])
        for_s = SESSION_TIMEOUT_S + chance.uniform(2.0, 12.0)
        worker.freeze()
        yield Done(f"{worker.name} frozen for {for_s:.0f} s", for_s, bench.scraped_by(worker))
        worker.thaw()

    return Fault(f"{kind} frozen", act, of_scrapers=kind == "scraper")


def scaled(kind: Kind) -> Fault:
    """A worker more, then one of them less."""

    def act(bench: Bench, chance: Random) -> Steps:
        more = bench.add(kind)
        yield Done(f"{more.name} added", chance.uniform(5.0, 12.0))
        less: Process = chance.choice(bench.workers[kind])
        status = bench.remove(less)
        yield Done(f"{less.name} stopped, its status {status}", _SOON_S)

    return Fault(f"{kind} added and removed", act, of_scrapers=kind == "scraper")


def _kafka_away(bench: Bench, chance: Random) -> Steps:
    for_s = chance.choice([0.0, chance.uniform(5.0, 25.0)])
    bench.kafka.kill()
    yield Done(f"Kafka killed, away for {for_s:.0f} s", for_s, _ALL)
    bench.kafka.start()


def _kafka_frozen(bench: Bench, chance: Random) -> Steps:
    for_s = chance.uniform(5.0, 15.0)
    bench.kafka.freeze()
    yield Done(f"Kafka does not answer for {for_s:.0f} s", for_s, _ALL)
    bench.kafka.thaw()


def _influxdb_away(bench: Bench, chance: Random) -> Steps:
    for_s = chance.uniform(0.0, 30.0)
    bench.influxdb.kill()
    yield Done(f"InfluxDB killed, away for {for_s:.0f} s", for_s)
    bench.influxdb.start()


def moody(mood: Mood) -> Fault:
    """InfluxDB answers, but not as one would like."""

    def act(bench: Bench, chance: Random) -> Steps:
        for_s = chance.uniform(5.0, 20.0)
        bench.gate.mood = mood
        yield Done(f"InfluxDB: {mood}, for {for_s:.0f} s", for_s)
        bench.gate.mood = "pass"

    return Fault(f"InfluxDB: {mood}", act)


def poisoned(topic: str) -> Fault:
    """Records that nobody can read."""

    def act(bench: Bench, chance: Random) -> Steps:
        producer = _producer(bench)
        for value in _POISON:
            producer.produce(topic, key=b"default/poison", value=value, partition=chance.randrange(DEFAULT_PARTITIONS))
        producer.flush(_FLUSH_S)
        yield Done(f"{len(_POISON)} unreadable records in {topic}", _SOON_S)

    return Fault(f"poison in {topic}", act, poison=len(_POISON))


def _scraped_again(bench: Bench, chance: Random) -> Steps:
    """Records that come twice, whatever their age, and second scrapes of the last windows that say something else."""
    topic = topics().kubelet_stats.name
    of_partitions = recorded(bench.kafka.bootstrap, topic).values()
    records = list(chain.from_iterable(of_partitions))
    recent = list(chain.from_iterable(of_one[-_RECENT:] for of_one in of_partitions))
    producer = _producer(bench)
    again = [(record, value_of(record)) for record in chance.sample(records, min(_AGAIN, len(records)))]
    others = [(record, _another(value_of(record))) for record in chance.sample(recent, min(_AGAIN, len(recent)))]
    sent = [(record, value) for record, value in (*again, *others) if value]
    for record, value in sent:
        producer.produce(
            topic,
            key=record.key(),
            value=value,
            partition=record.partition() or 0,
            timestamp=record.timestamp()[1],
            headers=SENT_BY_CHAOS,
        )
    producer.flush(_FLUSH_S)
    yield Done(f"{len(sent)} older records of {topic} once more, some of them with another content", _SOON_S)


def _another(value: bytes) -> bytes:
    """A second scrape that says something else; none of a scrape that failed, or of what cannot be read."""
    try:
        scrape = decode_scrape(value)
    except UndecodableError:
        return b""
    if scrape.document is None:
        return b""
    return encode_scrape(replace(scrape, document=b"{}", scraped_at_ns=scrape.scraped_at_ns + 1))


FAULTS: Final[tuple[Fault, ...]] = (
    *(make(kind) for kind in KINDS for make in (killed, killed, frozen, scaled)),
    Fault("Kafka killed", _kafka_away, of_scrapers=True),
    Fault("Kafka frozen", _kafka_frozen, of_scrapers=True),
    Fault("InfluxDB killed", _influxdb_away),
    *(moody(mood) for mood in ("unavailable", "too many", "unauthorized", "hang", "lose answers")),
    poisoned(topics().kubelet_stats.name),
    poisoned(topics().derived_metrics.name),
    Fault("scraped again", _scraped_again),
)
"""All of them; a run takes them in an order by its seed, each once before any comes again."""


def _producer(bench: Bench) -> Producer:
    return Producer(producer_settings(KafkaSettings(bench.kafka.bootstrap), "chaos"), logger=client_log)
