"""Tables of fields: one for each node of an input, an output or a file."""

from collections.abc import Iterator

from producers.contracts.pages.markup import Html, Inner, both, el, joined, table
from producers.contracts.pages.words import word
from schemas.fields import Field
from schemas.nodes import Node
from schemas.problems import limit_of

HEADS = ("field", "label", "type", "required", "code_table", "note")


def sections(root: Node, empty: str) -> Iterator[Html]:
    """Every node that has fields, with its path; ``empty`` says what having none means."""
    found = False
    for path, node in root.walk():
        if node.fields:
            found = True
            yield el("h3", el("code", path), " ", *_marks(node), id=path)
            head = [word("head", each) for each in HEADS]
            rows = (_row(path, field) for field in node.fields)
            yield table(head, rows, class_="fields", caption=path)
    if not found:
        yield el("p", word("say", empty))


def anchor(path: str, name: str) -> str:
    """The id of a field's row on its page."""
    return f"{path}.{name}"


def _marks(node: Node) -> Iterator[Html]:
    yield el("span", word("say", "list" if node.repeat else "object"), class_="mark")
    if node.required:
        yield el("span", word("say", "yes"), class_="mark must")


def _row(path: str, field: Field) -> list[Inner]:
    limit = limit_of(field)
    renamed = f"({', '.join(field.was)})" if field.was else ""
    codes: Inner = ""
    if field.codes:
        codes = el("a", field.codes, href=f"../codes.html#{field.codes}")
    return [
        el("code", field.name, id=anchor(path, field.name)),
        el("span", field.label, lang="zh-CN"),
        both(limit.zh, limit.en),
        _required(field),
        codes,
        el("span", " ".join(part for part in (field.note, renamed) if part), lang="en"),
    ]


def _required(field: Field) -> Inner:
    if field.when is not None:
        return el("code", f"{field.when.field}={','.join(field.when.values)}", class_="must")
    return el("span", word("say", "yes"), class_="must") if field.required else joined("")
