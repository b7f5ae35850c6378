"""Questions to the api: many clients with connections of their own, each at its own pace; how long answers take."""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Final

from tools.stack.ports import LOOPBACK

_NEWLINE: Final = b"\r\n"
_OK: Final = b"HTTP/1.1 200 "


def ask(port: int, paths: Sequence[str], clients: int, rate: float, seconds: float) -> list[float]:
    """Milliseconds that each answer took, from the first byte sent to the last one received.

    Every client has a connection that stays, and asks `rate` times a second: the next question is due at its time, and
    if the last answer is late, what it is late by counts for the next one too.
    """
    return asyncio.run(_ask(port, paths, clients, rate, seconds))


async def _ask(port: int, paths: Sequence[str], clients: int, rate: float, seconds: float) -> list[float]:
    taken_ms: list[float] = []
    ends_s = time.monotonic() + seconds
    await asyncio.gather(*(_client(port, paths, rate, ends_s, taken_ms) for _ in range(clients)))
    return taken_ms


async def _client(port: int, paths: Sequence[str], rate: float, ends_s: float, taken_ms: list[float]) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    due_s = time.monotonic() + random.random() / rate  # noqa: S311 - not all at once
    while due_s < ends_s:
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        writer.write(f"GET {random.choice(paths)} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())  # noqa: S311
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(_OK):
            raise RuntimeError(f"unexpected answer: {head.decode()}")
        await _body(reader, head)
        taken_ms.append(1000 * (time.monotonic() - due_s))
        due_s += 1 / rate
    writer.close()


async def _body(reader: asyncio.StreamReader, head: bytes) -> None:
    """Read to the end of it: of its length, or in chunks."""
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in _lines(head))}
    if "content-length" in headers:
        await reader.readexactly(int(headers["content-length"]))
        return
    while length := int(await reader.readline(), 16):
        await reader.readexactly(length + len(_NEWLINE))
    await reader.readexactly(len(_NEWLINE))


def _lines(head: bytes) -> list[str]:
    return head.decode("latin-1").splitlines()[1:]
