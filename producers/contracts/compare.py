"""What changed between two contracts, and which of it breaks a HIS.

A change breaks when a request that was right can be refused, or a reply can hold what was not to be
expected. The kinds, with their words, are ``changes.toml``.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import resources

import msgspec

from producers.contracts import trees
from producers.contracts.structure import Bus, Contract, Entry, Table


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of change, in words."""

    breaking: bool
    en: str
    zh: str


class Change(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """``path``: ``2207.input.data.psn_no``, ``codes.gend.3``, ``bus.statuses.held``."""

    path: str
    kind: str
    before: str = ""
    after: str = ""

    @property
    def words(self) -> Kind:
        """What it means."""
        return kinds()[self.kind]


@cache
def kinds() -> dict[str, Kind]:
    """All kinds by slug."""
    text = resources.files("producers.contracts").joinpath("changes.toml").read_text("utf-8")
    return {slug: msgspec.convert(row, Kind) for slug, row in tomllib.loads(text).items()}


def compare(old: Contract, new: Contract) -> tuple[Change, ...]:
    """Every change from ``old`` to ``new``, sorted by path."""
    found = [*_bus(old.bus, new.bus), *_transactions(old, new), *_tables(old, new)]
    return tuple(sorted(Change(path=p, kind=k, before=b, after=a) for p, k, b, a in found))


def breaking(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Those that break a HIS."""
    return tuple(change for change in changes if change.words.breaking)


Found = Iterator[tuple[str, str, str, str]]


def _transactions(old: Contract, new: Contract) -> Found:
    codes = trees.Codes(old=old.codes, new=new.codes)
    for infno in old.transactions.keys() | new.transactions.keys():
        before, after = old.transactions.get(infno), new.transactions.get(infno)
        if before is None:
            yield infno, "transaction_added", "", ""
        elif after is None:
            yield infno, "transaction_removed", "", ""
        elif before != after:
            yield from _entry(infno, before, after, codes)


def _entry(infno: str, old: Entry, new: Entry, codes: trees.Codes) -> Found:
    if old.listed != new.listed:
        yield infno, "unchecked_now" if new.listed else "checked_now", "", ""
    elif not old.listed:
        yield from trees.request(f"{infno}.input", old.input, new.input, codes)
        yield from trees.reply(f"{infno}.output", old.output, new.output, codes)
    yield from trees.reply(f"{infno}.file", old.file, new.file, codes)
    if old.where != new.where:
        kind = "needs_desk" if new.where == "desk" else "handling_changed"
        yield f"{infno}.where", kind, old.where, new.where
    if new.money and not old.money:
        yield f"{infno}.effect", "money_now", old.effect, new.effect
    elif old.effect != new.effect:
        yield f"{infno}.effect", "handling_changed", old.effect, new.effect
    if old.recovery != new.recovery:
        yield f"{infno}.recovery", "handling_changed", old.recovery, new.recovery
    for member in {*old.needs} ^ {*new.needs}:
        kind = "request_required" if member in new.needs else "request_optional"
        yield f"{infno}.needs.{member}", kind, "", ""
    for check in {*old.checked_by} ^ {*new.checked_by}:
        kind = "check_required" if check in new.checked_by else "request_wider"
        yield f"{infno}.checked_by.{check}", kind, "", ""
    for name in ("rows_max", "input_chars_max"):
        yield from _limit(f"{infno}.{name}", getattr(old, name), getattr(new, name))


def _limit(path: str, old: int, new: int) -> Found:
    """0 is no limit."""
    if old != new:
        lower = new and (not old or new < old)
        yield path, "limit_lower" if lower else "limit_higher", str(old), str(new)


def _tables(old: Contract, new: Contract) -> Found:
    if old.codes == new.codes:
        return
    asked = trees.asked(old) | trees.asked(new)
    told = trees.told(old) | trees.told(new)
    for name in old.codes.keys() & new.codes.keys():
        before, after = old.codes[name], new.codes[name]
        if before != after:
            yield from _table(f"codes.{name}", before, after, (name in asked, name in told))


def _table(path: str, old: Table, new: Table, sides: tuple[bool, bool]) -> Found:
    asked, told = sides
    if new.closed and not old.closed:
        yield path, "request_codes" if asked else "reply_narrower", "open", "closed"
    if old.closed and not new.closed:
        yield path, "reply_codes" if told else "request_wider", "closed", "open"
    for code in {*old.values} - {*new.values}:
        refused = asked and old.closed and new.closed
        yield f"{path}.{code}", "request_codes" if refused else "code_removed", code, ""
    for code in {*new.values} - {*old.values}:
        unknown = told and old.closed and new.closed
        kind = "request_wider" if new.closed else "code_added"
        yield f"{path}.{code}", "reply_codes" if unknown else kind, "", code


def _bus(old: Bus, new: Bus) -> Found:
    if old.version != new.version:
        yield "bus.version", "version_changed", str(old.version), str(new.version)
    yield from _section("bus.names", old.names, new.names, _name)
    yield from _section("bus.request", old.request, new.request, _request_member)
    yield from _section("bus.reply", old.reply, new.reply, _reply_member)
    yield from _section("bus.statuses", old.statuses, new.statuses, _status)
    yield from _section("bus.codes", old.codes, new.codes, _outcome)
    for problem in {*old.problems} ^ {*new.problems}:
        kind = "problem_added" if problem in new.problems else "problem_removed"
        yield f"bus.problems.{problem}", kind, "", ""
    for name in old.limits.keys() | new.limits.keys():
        yield from _limit(f"bus.limits.{name}", old.limits.get(name, 0), new.limits.get(name, 0))


_Judge = Callable[[str, str], str]
"""The kind of a change from one text to another; '' stands for absence."""


def _section(path: str, old: Mapping[str, str], new: Mapping[str, str], judge: _Judge) -> Found:
    for name in old.keys() | new.keys():
        before, after = old.get(name, ""), new.get(name, "")
        if before != after:
            yield f"{path}.{name}", judge(before, after), before, after


def _name(before: str, _: str) -> str:
    return "name_changed" if before else "name_added"


def _request_member(before: str, after: str) -> str:
    if not after:
        return "member_removed"
    return trees.request_kind(before, after)


def _reply_member(before: str, after: str) -> str:
    was, _, always = before.partition(", ")
    now, _, always_now = after.partition(", ")
    if not before or not after:
        return "reply_removed" if before else "reply_added"
    if was != now:
        return "reply_type"
    return "reply_may_lack" if always and not always_now else "reply_always"


def _status(before: str, after: str) -> str:
    if not before:
        return "status_added"
    return "status_changed" if after else "status_removed"


def _outcome(before: str, _: str) -> str:
    return "outcome_changed" if before else "outcome_added"
