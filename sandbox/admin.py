"""The admin address (loopback, JSON): faults, clock, desk, tokens, people, and the books."""

import secrets
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec
from aiohttp import web

from sandbox.centre import Centre
from sandbox.clock import moment_text, wall
from sandbox.facts import SeedPerson
from sandbox.records import Person
from sandbox.rules import lifecycle
from sandbox.script import Rates, Rule, Script
from sandbox.seeding import add_person

Json = dict[str, Any]
PAGE_MAX = 10_000
"""Calls told in one answer; ``after`` pages on."""

_FILTERS = {
    "people": ("psn_no",),
    "visits": ("tenant", "psn_no", "mdtrt_id"),
    "rows": ("mdtrt_id",),
    "batches": ("mdtrt_id",),
    "diagnoses": ("mdtrt_id",),
    "settlements": ("tenant", "msgid", "mdtrt_id", "psn_no"),
    "signins": ("tenant",),
    "reversals": ("tenant", "omsgid"),
    "uploads": ("tenant", "msgid", "book"),
    "events": (),
}
_FLAGS = {"live", "reached", "committed", "answered", "doubtful"}
_NESTED = {"amounts", "shares", "info", "body"}


class Admin:
    """The handlers of the admin address."""

    def __init__(self, centre: Centre, script: Script) -> None:
        self._centre = centre
        self._books = centre.books
        self._script = script

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application(middlewares=[_plain_errors])
        app.router.add_get("/faults", self.faults)
        app.router.add_post("/faults", self.add_faults)
        app.router.add_delete("/faults", self.drop_faults)
        app.router.add_get("/clock", self.clock)
        app.router.add_post("/clock", self.move_clock)
        app.router.add_post("/desk", self.stand_at_desk)
        app.router.add_post("/tokens", self.issue_token)
        app.router.add_post("/people", self.add_person)
        app.router.add_get("/books/judgement", self.judgement)
        app.router.add_get("/books/calls", self.calls)
        app.router.add_get("/books/{book}", self.book)
        return app

    async def faults(self, _: web.Request) -> web.Response:
        """What is scripted."""
        return _reply({"rules": self._script.rules, "rates": self._script.rates})

    async def add_faults(self, request: web.Request) -> web.Response:
        """One rule, one set of rates, or a list of either."""
        told = await _told(request)
        ids = []
        for one in told if isinstance(told, list) else [told]:
            if "rates" in one:
                self._script.rates.append(msgspec.convert(one, Rates))
            else:
                ids.append(self._script.add_rule(msgspec.convert(one, Rule)))
        return _reply({"ids": ids})

    async def drop_faults(self, request: web.Request) -> web.Response:
        """All, or the rule ``?id=``."""
        self._script.remove(int(request.query.get("id", "0")))
        return _reply({})

    async def clock(self, _: web.Request) -> web.Response:
        """The sandbox's time."""
        clock = self._centre.clock
        return _reply({"now": moment_text(clock.now()), "shift_s": clock.shift_ms / 1000})

    async def move_clock(self, request: web.Request) -> web.Response:
        """``shift_s`` moves by seconds, ``set`` to a centre time (yyyy-MM-dd HH:mm:ss)."""
        told = await _told(request)
        clock = self._centre.clock
        if "set" in told:
            clock.set_to(datetime.fromisoformat(told["set"]))
        else:
            clock.shift_by(float(told["shift_s"]))
        with self._books.transaction():
            self._books.run("setting_put", name="shift_ms", value=str(clock.shift_ms))
        return await self.clock(request)

    async def stand_at_desk(self, request: web.Request) -> web.Response:
        """Who a 1191 reads: ``psn_no``, for one ``tenant`` or for all."""
        told = await _told(request)
        person = self._person(told)
        with self._books.transaction():
            self._books.run("desk_put", name=told.get("tenant", ""), psn_no=person.psn_no)
        return _reply({})

    async def issue_token(self, request: web.Request) -> web.Response:
        """A fresh e-voucher token for ``psn_no``."""
        person = self._person(await _told(request))
        token = f"SBXEC{secrets.token_hex(14)}"
        with self._books.transaction():
            self._books.run(
                "token_add",
                token=token,
                psn_no=person.psn_no,
                issued_ms=self._centre.clock.now_ms(),
            )
        return _reply({"token": token})

    async def add_person(self, request: web.Request) -> web.Response:
        """One person, or a list, as in ``data/people.toml``."""
        told = await _told(request)
        people = msgspec.convert(told if isinstance(told, list) else [told], list[SeedPerson])
        with self._books.transaction():
            for person in people:
                add_person(self._books, person, moment_text(self._centre.clock.now())[:4])
        return _reply({"added": len(people)})

    def _person(self, told: Json) -> Person:
        person = self._books.one(Person, "person", psn_no=str(told["psn_no"]))
        if person is None:
            raise ValueError("no such person")
        return person

    async def book(self, request: web.Request) -> web.Response:
        """One of the books, narrowed by the query."""
        name = request.match_info["book"]
        if name not in _FILTERS:
            raise ValueError(f"no book {name!r}; there are: calls, {', '.join(_FILTERS)}")
        values = {key: request.query.get(key, "") for key in _FILTERS[name]}
        rows = self._books.rows(f"book_{name}", **values)
        return _reply([_plain(row) for row in rows])

    async def calls(self, request: web.Request) -> web.Response:
        """The call log, oldest first."""
        query = request.query
        rows = self._books.rows(
            "book_calls",
            tenant=query.get("tenant", ""),
            msgid=query.get("msgid", ""),
            infno=query.get("infno", ""),
            after=int(query.get("after", "0")),
            limit=min(int(query.get("limit", str(PAGE_MAX))), PAGE_MAX),
        )
        return _reply([_plain(row) for row in rows])

    async def judgement(self, request: web.Request) -> web.Response:
        """What truly happened to ``msgid``."""
        return _reply(judge(self._centre, request.query["msgid"]))


def judge(centre: Centre, msgid: str) -> Json:
    """Whether anybody saw the message, whether it was committed, and whether its effect still
    stands. ``live``: the settlement (or cancel, or admission) counts; for other writes it equals
    ``committed``."""
    books = centre.books
    calls = books.rows("book_calls", tenant="", msgid=msgid, infno="", after=0, limit=PAGE_MAX)
    committed = [call for call in calls if call["committed"]]
    entries = books.rows("judged_settlements", msgid=msgid)
    visits = books.rows("judged_visits", msgid=msgid)
    live = bool(committed)
    if entries:
        live = any(entry["live"] for entry in entries)
    elif visits:
        live = any(visit["state"] not in lifecycle.GONE for visit in visits)
    entry = entries[0] if entries else {}
    return {
        "msgid": msgid,
        "infno": calls[0]["infno"] if calls else "",
        "seen": len(calls),
        "reached": any(call["reached"] for call in calls),
        "committed": bool(committed),
        "times_committed": len(committed),
        "live": live,
        "answered": any(call["answered"] for call in calls),
        "refusal": next((call["refusal"] for call in calls if call["refusal"]), ""),
        "faults": [call["fault"] for call in calls if call["fault"]],
        "setl_id": entry.get("setl_id", ""),
        "mdtrt_id": entry.get("mdtrt_id") or (visits[0]["mdtrt_id"] if visits else ""),
        "undone_by": entry.get("undone_by", ""),
        "counter_of": entry.get("counter_of", ""),
    }


def _plain(row: Json) -> Json:
    shown = {
        name: bool(value) if name in _FLAGS else value
        for name, value in row.items()
        if name not in _NESTED
    }
    nested = {name: msgspec.json.decode(row[name]) for name in _NESTED & row.keys()}
    if "at_ms" in row:
        nested["at"] = moment_text(wall(row["at_ms"]))
    if "amounts" in row:
        nested["medins_setl_id"] = row["msgid"]
    return shown | nested


async def _told(request: web.Request) -> Any:
    return msgspec.json.decode(await request.read())


def _reply(value: object, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json"
    )


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def _plain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except (ValueError, KeyError, TypeError, sqlite3.IntegrityError) as error:
        return _reply({"error": f"{type(error).__name__}: {error}"}, 400)
