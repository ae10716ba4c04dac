"""All code tables the messages of a region use."""

from producers.contracts.pages.frame import frame
from producers.contracts.pages.markup import Html, el, joined, table
from producers.contracts.pages.words import pair, word
from schemas.catalogue import Catalogue
from schemas.codes import CodeTable
from schemas.envelope import head_fields
from schemas.transaction import Transaction


def page(catalogue: Catalogue, every: list[Transaction]) -> str:
    """``codes.html``: each table under its name."""
    users: dict[str, list[str]] = {field.codes: [] for field in head_fields() if field.codes}
    for one in every:
        for name in used(one):
            users.setdefault(name, []).append(one.infno)
    title = pair("page", "codes")
    return frame(
        catalogue,
        f"{title[0]} {title[1]}",
        el("h1", word("page", "codes")),
        *(_section(catalogue.codes[name], users[name]) for name in sorted(users)),
        name="codes",
    )


def used(one: Transaction) -> list[str]:
    """Names of the code tables of a transaction, sorted."""
    roots = (one.inputs, one.outputs, one.files)
    fields = (field for root in roots for _, node in root.walk() for field in node.fields)
    return sorted({field.codes for field in fields if field.codes})


def values(one: CodeTable) -> Html:
    """The codes and what they mean."""
    if not one.values:
        return el("p", word("say", "dictionary"))
    rows = ((el("code", code), el("span", text, lang="zh-CN")) for code, text in one.values.items())
    head = (word("head", "code"), word("head", "meaning"))
    return table(head, rows, class_="codes", caption=one.name)


def kind(one: CodeTable) -> Html:
    """Whether other values are faults."""
    return word("say", "closed" if one.closed else "open")


def _section(one: CodeTable, users: list[str]) -> Html:
    links = (joined(el("a", each, href=f"transactions/{each}.html"), " ") for each in users)
    return el(
        "section",
        el("h2", el("code", one.name), " ", el("span", one.label, lang="zh-CN"), id=one.name),
        el("p", kind(one), class_="quiet"),
        values(one),
        el("p", word("say", "used_by"), ": ", *links, class_="quiet") if users else "",
    )
