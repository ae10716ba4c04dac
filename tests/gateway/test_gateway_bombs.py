"""Answers that are small on the wire and huge in memory."""

import gzip
import json
import tracemalloc

import pytest

from bus.gateway.answer import Expect, Unclear, read_answer
from bus.gateway.answer_text import VALUES_MAX
from bus.gateway.port import Answered, MaybeSent
from tests.gateway.gateway_calls import MakeGateway, call
from tests.gateway.gateway_fault_server import FaultServer, answer, answers

MIB = 1024 * 1024
EXPECT = Expect(infno="2207", msgid="m", effect="settle")


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"br", b"gzip, gzip"])
async def test_a_compressed_answer_is_not_unpacked(
    server: FaultServer, make_gateway: MakeGateway, encoding: bytes
) -> None:
    bomb = gzip.compress(json.dumps({"infcode": 0, "output": " " * 64 * MIB}).encode())
    server.behaviour = answers(answer(bomb, extra=b"content-encoding: %b\r\n" % encoding))
    tracemalloc.start()
    outcome = await make_gateway().call(call())
    assert isinstance(outcome, Answered)
    meaning = read_answer(outcome, EXPECT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(meaning, Unclear)
    assert peak < 4 * MIB
    assert "accept-encoding: identity" in server.heads[0].decode().lower()


async def test_of_an_answer_beyond_the_limit_no_more_than_the_limit_is_kept(
    server: FaultServer, make_gateway: MakeGateway
) -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    server.behaviour = answers(head, *[b"x" * MIB] * 64)
    tracemalloc.start()
    outcome = await make_gateway(answer_bytes_max=MIB).call(call())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert outcome == MaybeSent(reason="answer_too_large")
    assert peak < 16 * MIB


@pytest.mark.parametrize("piece", [b"1.5,", b"[],", b"{},", b"0,"])
def test_an_answer_of_too_many_values_is_not_decoded(piece: bytes) -> None:
    body = b'{"infcode":0,"output":[' + piece * (VALUES_MAX + 1) + b"0]}"
    tracemalloc.start()
    meaning = read_answer(Answered(http_status=200, content_type="", body=body), EXPECT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert meaning == Unclear(reason="too_many_values")
    assert peak < MIB
