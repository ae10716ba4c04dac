"""Sign-in sessions (9001, 9002): one per institution, operator and day, one sign-in at a time.

Guide section 1.7: after a sign-out the operator cannot sign in again that day; a sign-in number
must not cross midnight; 9001 asked again returns the current number.
"""

import asyncio
from collections.abc import Mapping

import msgspec

from bus.clock import Clock, centre_day
from bus.gateway.answer import Accepted, Refused
from bus.gateway.port import NeverSent
from bus.journal.port import Session, SessionBook
from consumers.centre import Answer, Ask, Caller, Centre
from consumers.institution import Institution
from consumers.msgids import MsgidPool
from consumers.order import Order
from schemas.contract import CentreAnswer

SIGN_IN_POLL_S = 0.2
"""How often a process looks whether another one has finished the sign-in it waits for."""

SIGN_IN_GONE = frozenset({"stale_sign_in", "signed_out_today"})
"""Kinds of refusal that speak of the sign-in and not of the request: 9001 tells which it is."""

LEASE_MARGIN_MS = 2_000
"""What the lease of a sign-in leaves beyond its call, for the journal on either side of it."""


class NoSignInError(Exception):
    """No sign-in number can be had: ``code`` is an outcome slug, ``centre`` the centre's words."""

    def __init__(self, code: str, centre: CentreAnswer | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.centre = centre


class SignInOutput(msgspec.Struct):
    """9001's node; other fields are not needed here."""

    sign_no: str = ""
    sign_time: str = ""


class SignInAnswer(msgspec.Struct):
    """Output of 9001."""

    signinoutb: SignInOutput = msgspec.field(default_factory=SignInOutput)


class Sessions:
    """Gives every call the right sign_no; open sessions of this process are kept in memory."""

    def __init__(
        self, book: SessionBook, centre: Centre, msgids: MsgidPool, clock: Clock, owner: str
    ) -> None:
        self._book = book
        self._centre = centre
        self._msgids = msgids
        self._clock = clock
        self._owner = owner
        self._open: dict[tuple[str, str], Session] = {}
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}

    async def caller(self, institution: Institution, order: Order) -> Caller:
        """The caller of an order, with today's sign_no; ``NoSignInError`` when there is none."""
        sign_no = ""
        if institution.catalogue[order.infno].needs_sign_in:
            sign_no = (await self.current(institution, order)).sign_no
        return caller_of(order, sign_no)

    async def any_caller(self, institution: Institution, order: Order) -> Caller:
        """The caller of an order, or a colleague who is signed in today: what is in doubt is
        resolved even when its operator has gone home. ``NoSignInError`` when nobody is there."""
        try:
            return await self.caller(institution, order)
        except NoSignInError:
            day = centre_day(self._clock.now_ms())
            for session in await self._book.open_sessions(institution.code):
                if session.day == day and session.opter != order.opter:
                    return colleague_of(order, session)
            raise

    async def current(self, institution: Institution, order: Order) -> Session:
        """The open session of the order's operator today, signing in when there is none."""
        day = centre_day(self._clock.now_ms())
        who = (institution.code, order.opter)
        known = self._open.get(who)
        if known is not None and known.day == day:
            return known
        async with self._locks.setdefault(who, asyncio.Lock()):
            known = self._open.get(who)
            if known is not None and known.day == day:
                return known
            session = await self._obtain(institution, order, day)
            self._open[who] = session
            return session

    async def refresh(self, institution: Institution, order: Order, stale: str) -> Session:
        """A session after the centre refused ``stale``: 9001 again, unless renewed already."""
        who = (institution.code, order.opter)
        known = self._open.get(who)
        if known is not None and known.sign_no != stale:
            return known
        async with self._locks.setdefault(who, asyncio.Lock()):
            self._open.pop(who, None)
            day = centre_day(self._clock.now_ms())
            session = await self._obtain(institution, order, day, stale=stale)
            self._open[who] = session
            return session

    async def sign_out(self, institution: Institution, order: Order) -> Answer:
        """9002 for the operator's session of today; closed when the centre agrees."""
        session = await self.current(institution, order)
        answer = await self._leave(institution, order, session)
        if isinstance(answer, Accepted):
            self._open.pop((institution.code, order.opter), None)
        return answer

    async def leave(self, institution: Institution, session: Session) -> Answer:
        """9002 for any open session, without its operator: at closing time."""
        order = Order(
            tenant=institution.code,
            infno="9002",
            key="",
            input=msgspec.Raw(b"{}"),
            opter=session.opter,
            opter_name=session.opter,
        )
        answer = await self._leave(institution, order, session)
        if isinstance(answer, Accepted):
            self._open.pop((institution.code, session.opter), None)
        return answer

    async def _obtain(
        self, institution: Institution, order: Order, day: str, stale: str = ""
    ) -> Session:
        """Today's session from the book, or by signing in; waits for another process that does."""
        await self._leave_other_days(institution, order, day)
        while True:
            now_ms = self._clock.now_ms()
            lease_ms = int(institution.gateway_settings.call_s * 1000) + LEASE_MARGIN_MS
            mine = Session(
                tenant=institution.code,
                opter=order.opter,
                day=day,
                owner=self._owner,
                until_ms=now_ms + lease_ms,
                at_ms=now_ms,
            )
            stored = await self._book.session(institution.code, order.opter, day)
            replace = stored is not None and stored.state == "open" and stored.sign_no == stale
            held = await self._book.claim_sign_in(mine, now_ms, replace=replace)
            if held.state == "open":
                return held
            if held.state == "out":
                raise NoSignInError("signed_out_today")
            if held.owner == self._owner and held.until_ms == mine.until_ms:
                return await self._sign_in(institution, order, mine)
            await self._clock.sleep(SIGN_IN_POLL_S)

    async def _sign_in(self, institution: Institution, order: Order, mine: Session) -> Session:
        """9001; it returns the current number when the centre already has one."""
        data = {
            "signIn": {
                "opter_no": order.opter,
                "mac": institution.settings.mac or "00-00-00-00-00-00",
                "ip": institution.settings.ip or "127.0.0.1",
            }
        }
        answer = await self._ask(institution, order, "9001", data, lease_until_ms=mine.until_ms)
        if isinstance(answer, Accepted):
            sign_no = msgspec.json.decode(answer.output, type=SignInAnswer).signinoutb.sign_no
            if sign_no:
                self._centre.metrics.sign_ins("ok").inc()
                opened = msgspec.structs.replace(mine, sign_no=sign_no, state="open", until_ms=0)
                await self._book.put_session(opened)
                return opened
        self._centre.metrics.sign_ins("failed").inc()
        out = isinstance(answer, Refused) and answer.kind == "signed_out_today"
        now_ms = self._clock.now_ms()
        ended = msgspec.structs.replace(
            mine, state="out" if out else "signing", until_ms=0 if out else now_ms
        )
        if out or now_ms < mine.until_ms:  # else somebody else may be signing in by now
            await self._book.put_session(ended)
        head = answer.head if isinstance(answer, Refused) else None
        raise NoSignInError("signed_out_today" if out else "no_sign_in", head)

    async def _leave_other_days(self, institution: Institution, order: Order, day: str) -> None:
        """The day has changed: sign out what is still open from before, then sign in."""
        for session in await self._book.open_sessions(institution.code):
            if session.opter == order.opter and session.day < day:
                await self._leave(institution, order, session)
                closed = msgspec.structs.replace(session, state="out")
                await self._book.put_session(closed)

    async def _leave(self, institution: Institution, order: Order, session: Session) -> Answer:
        data = {"signOut": {"sign_no": session.sign_no, "opter_no": session.opter}}
        answer = await self._ask(institution, order, "9002", data, sign_no=session.sign_no)
        if isinstance(answer, Accepted):
            await self._book.put_session(msgspec.structs.replace(session, state="out"))
        return answer

    async def _ask(
        self,
        institution: Institution,
        order: Order,
        infno: str,
        data: Mapping[str, object],
        *,
        sign_no: str = "",
        lease_until_ms: int = 0,
    ) -> Answer:
        """One call, over before the lease it is made under has run out."""
        transaction = institution.catalogue[infno]
        msgid = await self._msgids.draw(institution.code)
        budget_s = institution.gateway_settings.call_s
        if lease_until_ms:
            left_ms = lease_until_ms - LEASE_MARGIN_MS - self._clock.now_ms()
            if left_ms <= 0:
                return NeverSent(reason="deadline")
            budget_s = min(budget_s, left_ms / 1000)
        return await self._centre.ask(
            Ask(
                institution=institution,
                transaction=transaction,
                msgid=msgid,
                input=transaction.encode_input(data),
                caller=caller_of(order, sign_no),
                budget_s=budget_s,
            )
        )


def colleague_of(order: Order, session: Session) -> Caller:
    """Another operator's session, for the patient's area of the order."""
    return Caller(
        opter=session.opter,
        opter_name=session.opter,
        opter_type=order.opter_type,
        insuplc_admdvs=order.insuplc_admdvs,
        sign_no=session.sign_no,
    )


def caller_of(order: Order, sign_no: str) -> Caller:
    """The operator and the patient's area of an order."""
    return Caller(
        opter=order.opter,
        opter_name=order.opter_name,
        opter_type=order.opter_type,
        insuplc_admdvs=order.insuplc_admdvs,
        sign_no=sign_no,
    )
