"""The page of one transaction."""

from collections.abc import Iterator

import msgspec

from bus import topology
from producers.contracts import samples
from producers.contracts.pages import codes
from producers.contracts.pages.fields import sections
from producers.contracts.pages.frame import frame
from producers.contracts.pages.markup import Html, Inner, el, joined, table
from producers.contracts.pages.words import edition_name, group_name, pair, recovery, word
from producers.contracts.structure import entry_of, requested_from_his
from schemas.catalogue import Catalogue
from schemas.contract import Json
from schemas.transaction import MONEY, Transaction

Beside = tuple[Transaction | None, ...]
"""The transaction before this one and the one after it."""


def page(catalogue: Catalogue, one: Transaction, beside: Beside) -> str:
    """``transactions/<infno>.html``."""
    main: list[Inner] = [
        el("h1", el("code", one.infno), " ", el("span", one.name, lang="zh-CN")),
        el("p", one.name_en, class_="lead", lang="en"),
        el("p", *badges(one), class_="badges"),
        _heading("facts"),
        el("dl", *_facts(catalogue, one)),
    ]
    if one.notes:
        notes = el("ul", (el("li", note) for note in one.notes), lang="en")
        main += [_heading("notes"), notes]
    main += [_heading("input"), *sections(one.inputs, "no_input")]
    main += [_heading("output"), *sections(one.outputs, "no_fields")]
    if one.files.nodes:
        main += [_heading("file"), *sections(one.files, "no_fields")]
    main += [*_codes(one), *_examples(one), _links(beside)]
    return frame(catalogue, f"{one.infno} {one.name} {one.name_en}", *main, up="../")


def badges(one: Transaction) -> Iterator[Html]:
    """What a reader should not miss."""
    if one.effect in MONEY:
        yield el("span", word("effect", one.effect), class_="mark money")
    if one.where != "centre":
        yield el("span", word("where", one.where), class_="mark")
    if one.region:
        yield el("span", word("say", "in_regions"), class_="mark")
    if not requested_from_his(one):
        yield el("span", word("say", "uncalled"), class_="mark warn")
    elif one.listed:
        yield el("span", word("say", "listed"), class_="mark warn")


def _heading(part: str) -> Html:
    return el("h2", word("part", part), id=f"part-{part}")


def _facts(catalogue: Catalogue, one: Transaction) -> Iterator[Html]:
    yield _fact(word("part", "group"), group_name(one.group))
    yield _fact(word("head", "effect"), word("effect", one.effect))
    yield _fact(word("head", "where"), word("where", one.where))
    yield _fact(word("head", "recovery"), recovery(one))
    if one.look:
        links = (joined(_link(catalogue, each), " ") for each in one.look)
        yield _fact(word("part", "look"), *links)
    limits = list(_limits(one))
    if limits:
        yield _fact(word("part", "limits"), el("ul", (el("li", each) for each in limits)))
    first = list(_before(catalogue, one))
    if first:
        yield _fact(word("part", "before"), el("ul", (el("li", each) for each in first)))
    if one.lines:
        yield _fact(word("part", "lines"), _lines(one))
    yield _fact(word("part", "confidence"), word("confidence", one.confidence))
    yield _fact(word("part", "origin"), _listed([edition_name(each) for each in one.origin]))
    if requested_from_his(one):
        files = (f"{one.infno}.{part}.json" for part in ("input", "output"))
        links = (joined(el("a", file, href=f"../schemas/{file}"), " ") for file in files)
        yield _fact(word("part", "schemas"), *links)


def _fact(name: Html, *said: Inner) -> Html:
    return joined(el("dt", name), el("dd", *said))


def _link(catalogue: Catalogue, infno: str) -> Inner:
    if infno not in catalogue:
        return infno
    return el("a", f"{infno} {catalogue[infno].name}", href=f"{infno}.html")


def _limits(one: Transaction) -> Iterator[Html]:
    if one.rows_max:
        yield word("say", "rows_max", n=one.rows_max, node=one.row_node)
    if one.together:
        yield word("say", "together", field=one.together)
    if one.input_chars_max:
        yield word("say", "chars_max", n=one.input_chars_max)


def _before(catalogue: Catalogue, one: Transaction) -> Iterator[Html]:
    if not requested_from_his(one):
        return
    entry = entry_of(one, catalogue.profile)
    if "insuplc_admdvs" in entry.needs:
        yield word("say", "place")
    if one.where == "desk":
        yield word("say", "desk")
    for each in entry.checked_by:
        cert, _, check = each.partition(":")
        yield word("say", "check_first", cert=cert, check=check)


def _lines(one: Transaction) -> Html:
    rows = [(word("line", line), word("grade", grade)) for line, grade in one.lines.items()]
    return table((word("page", "line"), word("head", "grade")), rows, class_="codes")


def _codes(one: Transaction) -> Iterator[Html]:
    names = codes.used(one)
    if names:
        yield _heading("used_codes")
    for name in names:
        held = one.codes[name]
        said = el("summary", el("code", name), " ", el("span", held.label, lang="zh-CN"))
        yield el("details", said, el("p", codes.kind(held), class_="quiet"), codes.values(held))


def _examples(one: Transaction) -> Iterator[Html]:
    if not requested_from_his(one):
        return
    asked = samples.headers(one, asked=True)
    lines = {
        "exchange": topology.REQUESTS_EXCHANGE,
        "routing key": topology.request_key(one.infno, samples.TENANT),
        "mandatory": "true",
        "content_type": "application/json",
        "delivery_mode": "2",
        "correlation_id": asked["idempotency-key"],
        "reply_to": asked.pop("reply_to"),
        "type": one.infno,
        "user_id": samples.USER,
        **{f"header {name}": value for name, value in asked.items()},
    }
    yield _heading("request")
    yield from _message("request", lines, samples.request(one))
    told = samples.headers(one, asked=False)
    yield _heading("reply")
    lines = {
        "correlation_id": told["idempotency-key"],
        "type": one.infno,
        **{f"header {name}": value for name, value in told.items()},
    }
    yield from _message("reply", lines, samples.reply(one))


def _message(name: str, lines: dict[str, str], body: Json) -> Iterator[Html]:
    width = max(map(len, lines))
    head = "\n".join(f"{key:<{width}}  {value}" for key, value in lines.items())
    text = msgspec.json.format(msgspec.json.encode(body), indent=2).decode("utf-8")
    yield el("pre", head, class_="wire")
    words = " ".join(pair("say", "copy"))
    copy = el("button", word("say", "copy"), type="button", data_copy=f"body-{name}", title=words)
    yield el(
        "div", copy, el("pre", el("code", text), id=f"body-{name}", tabindex="0"), class_="body"
    )


def _listed(items: list[Html]) -> Html:
    return joined(*(joined(item, el("br")) for item in items))


def _links(beside: Beside) -> Html:
    there = [(each, sign) for each, sign in zip(beside, ("←", "→"), strict=False) if each]
    links = (
        el("a", f"{sign} {each.infno} {each.name}", href=f"{each.infno}.html")
        for each, sign in there
    )
    return el("nav", *links, class_="beside", aria_label="前后交易 neighbours")
