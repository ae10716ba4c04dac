"""The first page: the search, and all transactions by group."""

from producers.contracts.pages.frame import frame
from producers.contracts.pages.markup import Html, Inner, el, table
from producers.contracts.pages.transaction import badges
from producers.contracts.pages.words import group_name, pair, recovery, word
from producers.contracts.structure import requested_from_his
from schemas.catalogue import Catalogue
from schemas.transaction import Line, Transaction


def page(catalogue: Catalogue, every: list[Transaction]) -> str:
    """``index.html``."""
    groups: dict[str, list[Transaction]] = {}
    for one in (one for one in every if requested_from_his(one)):
        groups.setdefault(one.group, []).append(one)
    others = [one for one in every if not requested_from_his(one)]
    title = pair("page", "title")
    return frame(
        catalogue,
        f"{title[0]} {title[1]}",
        el("h1", word("page", "title")),
        el("p", word("page", "lead"), class_="lead"),
        _search(),
        el("noscript", el("p", word("page", "no_script"))),
        el("section", id="results", hidden=True, aria_live="polite"),
        el(
            "div",
            (_group(slug, group_name(slug), held) for slug, held in groups.items()),
            _group("uncalled", word("say", "uncalled_all"), others) if others else "",
            id="all",
        ),
        name="index",
    )


def _search() -> Html:
    hint = " / ".join(pair("page", "search_hint"))
    lines = [el("option", " ".join(pair("page", "all_lines")), value="")]
    lines += [el("option", " ".join(pair("line", each)), value=each) for each in Line]
    return el(
        "form",
        el("label", word("page", "search"), for_="query"),
        el("input", type="search", id="query", name="q", placeholder=hint, autocomplete="off"),
        el("label", word("page", "line"), for_="line"),
        el("select", *lines, id="line", name="line"),
        role="search",
        id="search",
    )


def _group(slug: str, name: Html, held: list[Transaction]) -> Html:
    head = [word("head", each) for each in ("infno", "name", "effect", "recovery", "remark")]
    rows = map(_row, held)
    listed = table(head, rows, class_="transactions", caption=slug)
    return el("section", el("h2", name, id=f"group-{slug}"), listed, class_="group")


def _row(one: Transaction) -> list[Inner]:
    link = el(
        "a", el("code", one.infno), href=f"transactions/{one.infno}.html",
        data_infno=one.infno, data_lines=" ".join(one.lines),
    )  # fmt: skip
    name = [el("span", one.name, lang="zh-CN"), el("span", one.name_en, class_="under", lang="en")]
    return [
        link,
        name,
        word("effect", one.effect),
        recovery(one),
        list(badges(one)),
    ]
