import io
import json
from importlib import resources

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import group_sum, metric_batch, node_sample
from schemas.codec import MARKER, UndecodableError, rabin_fingerprint
from schemas.node_scrape import CODEC, NodeScrape, decode_scrape, encode_scrape

CODECS = {
    codec.name: codec
    for codec in (CODEC, group_sum.CODEC, group_sum.PROGRESS_CODEC, metric_batch.CODEC, node_sample.CODEC)
}

SCRAPE = NodeScrape(
    cluster="c", node="n", window_end_ns=60, resolution_ns=60, scraped_at_ns=65, document=b'{"node":{}}'
)
PUBLISHED = sorted(
    (file.name.removesuffix(".avsc").rsplit("-", 1)[0], file.name)
    for file in resources.files("schemas").joinpath("versions").iterdir()
)


@pytest.mark.parametrize(
    ("schema", "fingerprint"),
    [
        pytest.param({"type": "int"}, "8f5c393f1ad57572", id="int"),
        pytest.param({"type": "string"}, "c70345637248018f", id="string"),
    ],
)
def test_the_fingerprint_is_that_of_the_specification_in_little_endian(
    schema: dict[str, object], fingerprint: str
) -> None:
    assert rabin_fingerprint(schema) == bytes.fromhex(fingerprint)


def test_a_record_starts_with_marker_and_fingerprint() -> None:
    data = encode_scrape(SCRAPE)
    assert data[:2] == b"\xc3\x01"
    assert data[2:10] == CODEC.current.fingerprint


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(None, "the record has no value", id="no value"),
        pytest.param(b"", "not Avro single-object encoding", id="empty"),
        pytest.param(b'{"node": "n"}', "not Avro single-object encoding: begins with 7b22", id="JSON"),
        pytest.param(MARKER + bytes(8) + b"rest", "unknown schema fingerprint 0000000000000000", id="unknown schema"),
        pytest.param(encode_scrape(SCRAPE)[:-3], "damaged body", id="truncated"),
        pytest.param(encode_scrape(SCRAPE) + b"x", "1 bytes too many", id="trailing bytes"),
        pytest.param(encode_scrape(SCRAPE)[:10] + b"\xff" * 40, "damaged body", id="noise after a valid header"),
    ],
)
def test_the_error_says_why_bytes_are_undecodable(data: bytes | None, reason: str) -> None:
    with pytest.raises(UndecodableError, match=reason):
        decode_scrape(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_raise_undecodable(noise: bytes) -> None:
    for data in (noise, encode_scrape(SCRAPE)[:10] + noise):
        try:
            decode_scrape(data)
        except UndecodableError:
            continue


def test_a_number_of_more_than_64_bits_is_rejected() -> None:
    with pytest.raises(ValueError, match="node_scrape"):
        encode_scrape(
            NodeScrape(cluster="c", node="n", window_end_ns=2**63, resolution_ns=1, scraped_at_ns=0, document=b"")
        )


@pytest.mark.parametrize(("name", "file"), PUBLISHED)
def test_the_current_reader_reads_every_published_version(name: str, file: str) -> None:
    codec = CODECS[name]
    written = json.loads(resources.files("schemas").joinpath("versions", file).read_text())
    fingerprint = rabin_fingerprint(written)
    assert codec.recognises(MARKER + fingerprint)
    assert codec.decode(MARKER + fingerprint + _smallest_body(written)) is not None


def _smallest_body(schema: dict[str, object]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema, named_schemas={}), _smallest(schema))
    return out.getvalue()


def _smallest(schema: object) -> object:
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(kind, dict):
        return _smallest(kind)
    if isinstance(kind, list) or isinstance(schema, list):
        return None
    if kind == "record":
        assert isinstance(schema, dict)
        if schema["name"] == "GroupSum":
            return {field["name"]: _smallest(field) for field in schema["fields"]} | {"sums": [None] * 6}
        return {field["name"]: _smallest(field) for field in schema["fields"]}
    return {"string": "", "bytes": b"", "long": 0, "int": 0, "boolean": False, "array": [], "map": {}}[str(kind)]
