"""Questions to the api: many clients with connections of their own, each at its own pace; how long answers take."""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Final

from stack.ports import LOOPBACK

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
        await reader.readexactly(_length(head))
        taken_ms.append(1000 * (time.monotonic() - due_s))
        due_s += 1 / rate
    writer.close()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise RuntimeError("an answer without length")
