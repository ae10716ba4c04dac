"""The centre's gateway as the cheapest HTTP answerer Python allows: a raw protocol on uvloop.

``python -m bench.stub --port P``. It knows HTTP/1.1 with content-length, keep-alive, and JSON
without spaces after the colons. ``GET /latency/300`` makes every later answer wait 300 ms and
returns how many settlements it answered so far; ``GET /`` only returns the count.
"""

import argparse
import asyncio
import re

import uvloop

from bench.visits import Answers

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json;charset=UTF-8\r\ncontent-length: %d\r\n\r\n"
)


class Centre:
    """What all connections share."""

    def __init__(self) -> None:
        self.answers = Answers()
        self.latency_s = 0.0
        self.settled = 0


class Connection(asyncio.Protocol):
    """One connection; requests on it are answered in order, each after the latency."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # always a stream transport here

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._buffer, 0, end + 2)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < whole:
                return
            request, self._buffer = self._buffer[:whole], self._buffer[whole:]
            if request.startswith(b"GET "):
                self._set(request)
            else:
                self._answer(request[end + 4 :])

    def _answer(self, body: bytes) -> None:
        answer = self._centre.answers.to(body)
        self._centre.settled += self._centre.answers.settles(body)
        if self._centre.latency_s:
            self._loop.call_later(self._centre.latency_s, self._write, answer)
        else:
            self._write(answer)

    def _set(self, request: bytes) -> None:
        path = request.split(b" ", 2)[1]
        if path.startswith(b"/latency/"):
            self._centre.latency_s = int(path.removeprefix(b"/latency/")) / 1000
        self._write(b"%d" % self._centre.settled)

    def _write(self, body: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(_HEAD % len(body) + body)


async def serve(port: int) -> None:
    """Serve on loopback until the process is stopped."""
    centre = Centre()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(centre), "127.0.0.1", port, backlog=2048)
    async with server:
        await server.serve_forever()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
