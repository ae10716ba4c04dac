"""A bus per module, operated from the command line; what a verb prints names nobody."""

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest

from bus.command_line import main
from compose.node import PrivateNode
from tests.consumers.bus_stage import PHARMACY, BusStage, Program, program
from tests.verbs.shop_customers import Customers


class Said(msgspec.Struct, frozen=True):
    """How a verb ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output as JSON."""
        return json.loads(self.out)


def typed(words: tuple[str, ...]) -> Said:
    """What the command does, without the half second a new interpreter takes."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    return Said(code, out.getvalue(), err.getvalue())


class Operator:
    """Types verbs; every output is searched for the names and numbers of all customers."""

    def __init__(self, stage: BusStage, customers: Customers) -> None:
        self.stage = stage
        self.customers = customers

    async def __call__(self, *words: str) -> Said:
        verb, *rest = words
        full = (verb, "--config", str(self.stage.config), *rest)
        return self._nobody_in(await asyncio.to_thread(typed, full))

    async def program(self, *words: str) -> Said:
        """The same as a process of its own."""
        done = await asyncio.to_thread(self.stage.yibao, *words)
        return self._nobody_in(Said(done.returncode, done.stdout, done.stderr))

    def _nobody_in(self, said: Said) -> Said:
        assert self.customers.named_in(said.out + said.err) == set()
        return said


@pytest.fixture(scope="module")
def stage(broker_node: PrivateNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusStage]:
    """A stage whose pharmacy leaves every lost purchase to a person."""
    extra = 'recovery = { 2102 = "escalate" }\n'
    with BusStage(tmp_path_factory.mktemp("stage"), broker_node, extra=extra) as one:
        yield one


@pytest.fixture(scope="module")
def customers(stage: BusStage) -> Customers:
    """The people of this module."""
    return Customers(stage)


@pytest.fixture
def yibao(stage: BusStage, customers: Customers, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """The command line of the stage, in English."""
    monkeypatch.setenv("YIBAO_LANG", "en")
    return Operator(stage, customers)


@pytest.fixture
async def pharmacy(stage: BusStage) -> AsyncIterator[Program]:
    """The program of the pharmacy."""
    async with program(stage, PHARMACY) as one:
        yield one
