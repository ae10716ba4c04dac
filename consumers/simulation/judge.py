"""Three books at the end of a history: what the hospital was told, the journal, the centre's.

They must agree, whatever happened in between.
"""

from collections.abc import Iterable, Iterator

from bus.lifecycle.record import FINAL, Record, State
from bus.lifecycle.table import Event
from consumers.order import Order
from consumers.simulation.books import Books
from consumers.simulation.broker import SimBroker
from consumers.simulation.ground import Ground
from consumers.simulation.insurer import Effect, Insurer, name_of
from consumers.simulation.requests import Request
from consumers.simulation.watch import Watch
from schemas.jsontext import reread
from schemas.views import keys_of

HELD_FOR = frozenset({Event.REFUSED_IN_DOUBT, Event.ESCALATE, Event.EXHAUSTED})
"""Why a request may wait for a person."""


class Judge:
    """Judges one world after everything has settled."""

    def __init__(
        self,
        ground: Ground,
        watch: Watch,
        books: Books,
        insurer: Insurer,
        broker: SimBroker,
    ) -> None:
        self._ground = ground
        self._watch = watch
        self._books = books
        self._insurer = insurer
        self._broker = broker
        self._effects: dict[str, list[Effect]] = {}
        for msgid, effect in insurer.effects.items():
            if msgid in watch.marks:
                self._effects.setdefault(watch.marks[msgid].key, []).append(effect)

    def judge(self) -> None:
        """Every promise that can only be judged in the end."""
        if not self._broker.drained():
            self._ground.breach("drained", "requests are left in their queues")
        for request in self._watch.requests.values():
            self._answered(request)
            record = self._watch.records.get(request.key)
            if record is not None:
                self._contents(request, record)
                self._outcome(request, record)
                self._truth(record)
        self._claims()

    # -- what the hospital was told --------------------------------------------------------------

    def _answered(self, request: Request) -> None:
        for correlation, publication in request.publications.items():
            if publication.accepted and not self._watch.answered(correlation):
                self._ground.breach("answered", f"{correlation} has no answer")
        if request.kept and self._watch.records.get(request.key) is None:
            self._ground.breach("answered", f"{request.key} was never begun")

    def _contents(self, request: Request, record: Record) -> None:
        """Another content under a used key is always refused, the same one never."""
        kept = bytes(Order.from_bytes(record.request).input)
        for told in request.told:
            if told.event:
                continue
            same = request.contents[request.publications[told.correlation].content] == kept
            if same == (told.status == "conflict"):
                text = (
                    f"{told.correlation} told {told.status}, content {'same' if same else 'other'}"
                )
                self._ground.breach("conflict", text)

    def _outcome(self, request: Request, record: Record) -> None:
        """One final outcome, the same bytes to everybody, and an event for whoever was in doubt."""
        for told in request.finals():
            if told.body != record.reply or told.status != record.state:
                text = f"{told.correlation} told {told.status} {told.code}, journal {record.state}"
                self._ground.breach("same_bytes", text)
        if record.state not in FINAL:
            self._unfinished(record)
            return
        in_doubt = any(told.status == "in_doubt" for told in request.told)
        announced = any(told.event and told.status == record.state for told in request.told)
        if (in_doubt or record.doubted) and not announced:
            self._ground.breach("announced", f"{request.key} was in doubt, no event followed")

    def _unfinished(self, record: Record) -> None:
        if record.state is not State.HELD:
            text = f"{record.key} is {record.state}, next at {record.next_at_ms}"
            self._ground.breach("resolved", text)
            return
        told = [line.what for line in self._books.lines(record)]
        last = next(what for what in reversed(told) if not what.startswith(("late_", "taken_over")))
        if last not in HELD_FOR:
            self._ground.breach("resolved", f"{record.key} is held for {last}")
        heard = self._watch.requests[record.key].told
        if not any(told.event and told.code == record.code for told in heard):
            self._ground.breach("announced", f"{record.key} is held, no event says so")

    # -- the centre's books ----------------------------------------------------------------------

    def _truth(self, record: Record) -> None:
        """What the hospital was told is what stands at the centre."""
        if record.state is State.HELD:
            return
        own = [one for one in self._effects.get(record.key, ()) if one.infno == record.infno]
        live = [one for one in own if one.live]
        for text in self._lies(record, own, live):
            self._ground.breach("told_vs_books", f"{record.infno} {record.key}: {text}")

    def _lies(self, record: Record, own: list[Effect], live: list[Effect]) -> Iterator[str]:
        if record.state is not State.SUCCEEDED:
            if live:
                yield f"{record.state}, but {live[0].msgid} stands"
            return
        if record.infno == "2601":
            yield from self._reversal_lies(record)
        elif record.recovery == "repeat":
            if not live:
                yield from self._nothing_of_its_own(record)
        elif len(live) > 1:
            yield f"done {len(live)} times"
        elif live:
            if live[0].msgid != record.msgid:
                yield f"stands as {live[0].msgid}, stored as {record.msgid}"
        elif not any(self._undone_by_another(one, record) for one in own):
            yield from self._nothing_of_its_own(record)

    def _nothing_of_its_own(self, record: Record) -> Iterator[str]:
        """What has no msgid at the centre is recognised by the hospital's own numbers, which it may
        have used under another key as well."""
        name = name_of(record.infno, reread(bytes(Order.from_bytes(record.request).input)))
        target = self._insurer.settlement(name) if record.effect == "cancel" else None
        same = (record.infno, name)
        done = any(one.live and (one.infno, one.name) == same for one in self._effects_of_all())
        if not name or not (done or (target is not None and not target.live)):
            yield "succeeded, but it does not stand"

    def _effects_of_all(self) -> Iterable[Effect]:
        return self._insurer.effects.values()

    def _undone_by_another(self, effect: Effect, record: Record) -> bool:
        mark = self._watch.marks.get(effect.undone_by)
        return mark is not None and mark.key != record.key

    def _reversal_lies(self, record: Record) -> Iterator[str]:
        asked = keys_of(reread(bytes(Order.from_bytes(record.request).input)))
        target = self._insurer.effects.get(asked.omsgid)
        if target is not None and target.live:
            yield "reversal succeeded, but what it was for stands"

    def _claims(self) -> None:
        """Never two settlements that stand for one batch of a visit."""
        seen: dict[tuple[str, str], str] = {}
        for effect in self._insurer.live_settlements():
            claim = (effect.visit, effect.batch)
            if claim in seen:
                self._ground.breach("double", f"{effect.msgid} and {seen[claim]} both stand")
            seen[claim] = effect.msgid
