"""HTML as values: text is escaped where it goes in, so no page can be broken by what data say."""

from collections.abc import Iterable
from html import escape

_VOID = frozenset({"input", "link", "meta", "br", "hr"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


Inner = str | Html | Iterable["Inner"]


def el(name: str, /, *inner: Inner, **attributes: str | bool) -> Html:
    """An element. ``class_`` and ``for_`` are written without the line below, ``data_x`` with a
    hyphen; an attribute that is ``False`` is left out."""
    said = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{said}>")
    return Html(f"<{name}{said}>{joined(*inner)}</{name}>")


def joined(*inner: Inner) -> Html:
    """Pieces one after the other."""
    return Html("".join(map(_piece, inner)))


def both(zh: str, en: str) -> Html:
    """The same in both languages; the page shows the one its reader chose."""
    if zh == en or not en or not zh:
        return joined(zh or en)
    return joined(
        el("span", zh, class_="zh", lang="zh-CN"),
        el("span", " ", class_="sep"),
        el("span", en, class_="en", lang="en"),
    )


def table(head: Iterable[Inner], rows: Iterable[Iterable[Inner]], **attributes: str) -> Html:
    """A table whose first column names its rows. ``caption``: what it is, for those who do not
    see it."""
    caption = attributes.pop("caption", "")
    top = el("thead", el("tr", (el("th", cell, scope="col") for cell in head)))
    body = el("tbody", (_row(list(row)) for row in rows))
    said = el("caption", caption, class_="hidden") if caption else ""
    return el("div", el("table", said, top, body, **attributes), class_="scroll")


def _row(cells: list[Inner]) -> Html:
    first, *rest = cells
    return el("tr", el("th", first, scope="row"), (el("td", cell) for cell in rest))


def _piece(piece: Inner) -> str:
    if isinstance(piece, Html):
        return piece
    if isinstance(piece, str):
        return escape(piece, quote=False)
    return "".join(map(_piece, piece))


def _attribute(key: str, value: str | bool) -> str:
    if value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(value)}"'
