"""The frame of all messages: how to ask, what comes back, what each status means."""

from collections.abc import Iterator

from bus import topology
from producers.contracts.pages.frame import frame
from producers.contracts.pages.markup import Html, Inner, both, el, joined, table
from producers.contracts.pages.words import pair, word
from producers.contracts.structure import bus_of
from schemas.catalogue import Catalogue
from schemas.contract import Status
from schemas.outcomes import outcome_codes


def page(catalogue: Catalogue) -> str:
    """``bus.html``."""
    title = pair("page", "bus")
    held = bus_of(catalogue.profile)
    return frame(
        catalogue,
        f"{title[0]} {title[1]}",
        el("h1", word("page", "bus")),
        el("h2", word("part", "frame"), id="request"),
        _table(("name", "meaning"), _names()),
        _table(("field", "type", "meaning"), _members("request", held.request)),
        el("h2", word("part", "answer"), id="reply"),
        _table(("field", "type", "meaning"), _members("reply", held.reply)),
        el("h2", word("part", "statuses"), id="statuses"),
        _table(("status", "meaning"), _statuses()),
        el("h2", word("part", "outcomes"), id="outcomes"),
        _table(("code", "status", "money", "cashier", "what_to_do"), _outcomes()),
        name="bus",
    )


def _table(head: tuple[str, ...], rows: Iterator[tuple[Inner, ...]]) -> Html:
    return table([word("head", each) for each in head], rows)


def _names() -> Iterator[tuple[Inner, ...]]:
    tenant = "<tenant>"
    yield (
        both("交换机", "exchange"),
        joined(el("code", topology.REQUESTS_EXCHANGE), " (topic)"),
    )
    yield both("路由键", "routing key"), el("code", topology.request_key("<infno>", tenant))
    yield both("应答队列", "reply queue"), el("code", f"{topology.reply_queue(tenant)}.<name>")
    event = topology.settlement_event(tenant, "<status>")
    yield (
        both("最终结果事件", "event of a late outcome"),
        joined(el("code", topology.EVENTS_EXCHANGE), " ", el("code", event)),
    )


def _members(side: str, listed: dict[str, str]) -> Iterator[tuple[Inner, ...]]:
    for name, kind in listed.items():
        yield el("code", name), el("code", kind), word(f"{side}_member", name)


def _statuses() -> Iterator[tuple[Inner, ...]]:
    for status in Status:
        said = word("say", "final" if status.is_final else "not_final")
        yield el("code", status), said


def _outcomes() -> Iterator[tuple[Inner, ...]]:
    for code, row in outcome_codes().items():
        yield (
            el("code", code, id=f"code-{code}"),
            el("code", row.status),
            word("money", row.money),
            [el("span", row.zh, lang="zh-CN"), el("span", row.en, class_="under", lang="en")],
            both(row.todo_zh, row.todo_en),
        )
