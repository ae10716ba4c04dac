"""The centre's HTTP address: bytes in, the business once, bytes out, with the scripted faults."""

import asyncio
from collections.abc import Awaitable

from aiohttp import web

from sandbox.centre import Centre, Received, encode
from sandbox.faults import Fault, Scene, Wire
from sandbox.fields import Json
from sandbox.script import Script
from sandbox.signatures import Scheme

FILE_TYPE = "application/octet-stream"
LEFT_POLL_S = 0.02
"""How often a silent call looks whether its caller is still there."""


class CentreServer:
    """Handles every POST of the centre's address; the path does not matter, the infno decides."""

    def __init__(self, centre: Centre, script: Script, scheme: Scheme) -> None:
        self._centre = centre
        self._script = script
        self._scheme = scheme
        self._later: set[asyncio.Task[None]] = set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One HTTP request."""
        if request.method != "POST":
            return web.json_response({"code": 405, "message": "只支持POST"}, status=405)
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return web.json_response({"code": 413, "message": "报文过大"}, status=413)
        fault = self._scheme.fault(request.headers, self._centre.clock.now_ms() / 1000)
        if fault:
            return web.json_response({"code": 401, "message": fault})
        received = self._centre.receive(body)
        faults = self._script.faults_for(received)
        self._centre.note(received, ",".join(piece.name for piece in faults))
        wire = await self._answer(request, received, faults)
        return await self._send(request, received, wire)

    async def _answer(
        self, request: web.BaseRequest, received: Received, faults: list[Fault]
    ) -> Wire:
        if not faults:
            return _wire(self._centre.carry_out(received), numbers=False)
        scene = Scene(
            received=received,
            centre=self._centre,
            client_left=lambda: _client_left(request),
            later=self._keep,
        )
        for fault in faults:
            self._log(received, fault)
            early = await fault.before(scene)
            if early is not None:
                return early
        answer = self._business(scene, faults)
        for fault in faults:
            answer = answer if isinstance(answer, bytes) else fault.shape(scene, answer)
        wire = _wire(answer, numbers=True)
        for fault in faults:
            wire = fault.wire(scene, wire)
        return wire

    def _business(self, scene: Scene, faults: list[Fault]) -> Json | bytes:
        for fault in faults:
            said = fault.instead(scene)
            if said is not None:
                return said
        return self._centre.carry_out(scene.received)

    def _log(self, received: Received, fault: Fault) -> None:
        self._centre.books.log(
            "event_add",
            at_ms=self._centre.clock.now_ms(),
            n=received.n,
            fault=fault.name,
            detail=repr(fault),
        )

    def _keep(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _send(
        self, request: web.BaseRequest, received: Received, wire: Wire
    ) -> web.StreamResponse:
        if wire.hang:
            await _client_left(request)
        if wire.hang or wire.drop:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if wire.cut_at is not None:
            return await _send_part(request, wire)
        response = web.Response(
            status=wire.status, headers={"Content-Type": wire.content_type}, body=wire.body
        )
        try:
            await response.prepare(request)
            await response.write_eof()
        except ConnectionError:
            return response
        if wire.is_answer:
            self._centre.answered(received)
        return response

    def stop(self) -> None:
        """Give up late commits that are still waiting."""
        for task in self._later:
            task.cancel()


def _wire(answer: Json | bytes, *, numbers: bool) -> Wire:
    body = encode(answer, numbers=numbers)
    if isinstance(answer, bytes):
        return Wire(body=body, content_type=FILE_TYPE)
    return Wire(body=body)


async def _send_part(request: web.BaseRequest, wire: Wire) -> web.StreamResponse:
    """Promise the whole body, send a part, end the connection."""
    response = web.StreamResponse(
        status=wire.status,
        headers={"Content-Type": wire.content_type, "Content-Length": str(len(wire.body))},
    )
    await response.prepare(request)
    await response.write(wire.body[: wire.cut_at])
    if request.transport is not None:
        request.transport.close()
    return response


async def _client_left(request: web.BaseRequest) -> None:
    """Return when the caller has closed the connection. The HTTP library has no event for that
    which does not also cancel the handler, so this looks every few milliseconds."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - see above
        await asyncio.sleep(LEFT_POLL_S)
