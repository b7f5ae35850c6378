"""Avro single-object encoding: a marker, the schema's fingerprint, the body.

The fingerprint identifies the schema that wrote a record: `versions/` has every published one, so old records stay
readable without a registry. Format: Avro specification, "Single-object encoding", CRC-64-AVRO of the canonical form.
"""

import io
import json
from collections.abc import Collection, Mapping, Sequence
from importlib import resources
from typing import Any, Final, NamedTuple, TypeAlias

import fastavro
from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form
from fastavro.types import Schema

MARKER: Final = b"\xc3\x01"
_FINGERPRINT_BYTES: Final = 8
_END: Final = b"\x00"  # of an array
_HEADER_BYTES: Final = len(MARKER) + _FINGERPRINT_BYTES

Record: TypeAlias = dict[str, object]
ParsedSchema: TypeAlias = dict[str, Any]


class UndecodableError(ValueError):
    """Bytes that no published schema can read, with the reason. Consumers send such records to the dead letters."""


def rabin_fingerprint(schema: Mapping[str, object]) -> bytes:
    """The 64-bit fingerprint of a schema, in the byte order of the header (little-endian)."""
    digest = fingerprint(to_parsing_canonical_form(dict(schema)), "CRC-64-AVRO")
    return bytes.fromhex(digest)


class Codec:
    """Encodes with the newest version of one record's schema, decodes from any version.

    `name` is the record's file name in `versions/`: `NAME-1.avsc`, `NAME-2.avsc`, …
    """

    def __init__(self, name: str, *, read_as_written: Collection[int] = ()) -> None:
        """Load all versions of `name`; records of the versions in `read_as_written` are not converted to the newest."""
        versions = [ParsedVersion.read(name, number) for number in range(1, _published(name) + 1)]
        self.name = name
        self.current = versions[-1]
        self._by_fingerprint = {version.fingerprint: version for version in versions}
        self._as_written = {self.current.fingerprint, *(versions[number - 1].fingerprint for number in read_as_written)}
        self.header = MARKER + self.current.fingerprint

    def encode(self, record: Mapping[str, object]) -> bytes:
        """The record's bytes with the header.

        Raises:
            ValueError: the record does not fit the schema, for example a number that needs more than 64 bits.
        """
        out = io.BytesIO()
        out.write(self.header)
        _write(out, self.name, self.current.schema, dict(record))
        return out.getvalue()

    def split_at(self, field: str) -> "SplitSchema":
        """Split the newest schema at an array field."""
        fields = self.current.schema["fields"]
        at = [each["name"] for each in fields].index(field)
        before, after = ({**self.current.schema, "fields": part} for part in (fields[:at], fields[at + 1 :]))
        return SplitSchema(
            *(RecordEncoder(self.name, schema) for schema in (before, fields[at]["type"]["items"], after))
        )

    def recognises(self, data: bytes | None) -> bool:
        """Return whether the header has a fingerprint of this schema; several schemas may share a topic."""
        return data is not None and data[len(MARKER) : _HEADER_BYTES] in self._by_fingerprint

    def decode(self, data: bytes | None) -> Record:
        """Decode a record, converted to the newest schema except for versions in `read_as_written`.

        Raises:
            UndecodableError: not single-object encoding, an unknown fingerprint, or a damaged body.
        """
        if data is None:
            raise UndecodableError(f"{self.name}: the record has no value")
        if len(data) < _HEADER_BYTES or data[: len(MARKER)] != MARKER:
            raise UndecodableError(
                f"{self.name}: not Avro single-object encoding: begins with {data[:10].hex() or '-'}"
            )
        written_with = self._by_fingerprint.get(data[len(MARKER) : _HEADER_BYTES])
        if written_with is None:
            raise UndecodableError(f"{self.name}: unknown schema fingerprint {data[len(MARKER) : _HEADER_BYTES].hex()}")
        return self._read_body(data, written_with)

    def _read_body(self, data: bytes, written_with: "ParsedVersion") -> Record:
        body = io.BytesIO(data)
        body.seek(_HEADER_BYTES)
        reader = None if written_with.fingerprint in self._as_written else self.current.schema
        try:
            record = fastavro.schemaless_reader(body, written_with.schema, reader)
        except Exception as error:  # fastavro raises many types of exceptions for damaged bytes
            raise UndecodableError(f"{self.name}: damaged body: {type(error).__name__}: {error}") from error
        if body.tell() != len(data):
            raise UndecodableError(f"{self.name}: damaged body: {len(data) - body.tell()} bytes too many")
        if not isinstance(record, dict):
            raise UndecodableError(f"{self.name}: not a record")
        return record


class RecordEncoder:
    """Encodes a record, or a part of one, without the header."""

    def __init__(self, name: str, schema: ParsedSchema) -> None:
        """`name` is the record's name, for error messages."""
        self._name = name
        self._schema = parse_schema({key: schema[key] for key in ("type", "name", "fields")}, named_schemas={})

    def encode(self, value: Mapping[str, object]) -> bytes:
        """The bytes without header. Raises ValueError: the value does not fit the schema."""
        out = io.BytesIO()
        _write(out, self._name, self._schema, value)
        return out.getvalue()


class SplitSchema(NamedTuple):
    """Encoders for a record with an array whose items are encoded one by one and then concatenated."""

    before: RecordEncoder  # the fields before the array
    item: RecordEncoder
    after: RecordEncoder  # the fields after it


def encode_array(items: Sequence[bytes]) -> bytes:
    """An Avro array of encoded items: their number, the items, an end marker."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, "long", len(items))
    return b"".join((out.getvalue(), *items, _END)) if items else _END


def _write(out: io.BytesIO, name: str, schema: Schema, value: object) -> None:
    try:
        fastavro.schemaless_writer(out, schema, value)
    except (TypeError, OverflowError, KeyError, AttributeError) as error:
        raise ValueError(f"{name}: does not fit the schema: {error}") from error


class ParsedVersion:
    """One published version of a schema."""

    def __init__(self, schema: ParsedSchema) -> None:
        """Parse a schema in JSON form."""
        self.fingerprint = rabin_fingerprint(schema)
        parsed = parse_schema(schema, named_schemas={})
        if not isinstance(parsed, dict):
            raise TypeError("a record's schema is a JSON object")
        self.schema: ParsedSchema = parsed

    @classmethod
    def read(cls, name: str, number: int) -> "ParsedVersion":
        """Read version `number` of `name` from `versions/`."""
        return cls(json.loads(_file(name, number).read_text("utf-8")))


def _file(name: str, number: int) -> resources.abc.Traversable:
    return resources.files("schemas").joinpath("versions", f"{name}-{number}.avsc")


def _published(name: str) -> int:
    number = 0
    while _file(name, number + 1).is_file():
        number += 1
    if not number:
        raise FileNotFoundError(f"no schema called {name} is published")
    return number
