"""What all pages have: head, navigation, choice of the language, foot."""

from producers.contracts.pages.markup import Html, Inner, el, joined
from producers.contracts.pages.words import pair, word
from schemas.catalogue import Catalogue
from schemas.contract import CONTRACT_VERSION

_NAVIGATION = {"index": "index.html", "codes": "codes.html", "bus": "bus.html"}


def frame(catalogue: Catalogue, title: str, *main: Inner, name: str = "", up: str = "") -> str:
    """A whole page. ``name``: the page's own entry of the navigation; ``up``: the way to the top
    folder, such as ``../``."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", title),
        el("link", rel="stylesheet", href=f"{up}assets/catalogue.css"),
        el("script", src=f"{up}assets/catalogue.js", defer=True),
        el("script", src=f"{up}assets/search-index.js", defer=True) if name == "index" else "",
    )
    body = el(
        "body",
        el("a", word("page", "skip"), href="#main", class_="skip"),
        _top(catalogue, name, up),
        el("main", *main, id="main"),
        _foot(catalogue, up),
    )
    whole = el("html", head, "\n", body, lang="zh-CN", data_lang="both")
    return f"<!DOCTYPE html>\n{whole}\n"


def _top(catalogue: Catalogue, name: str, up: str) -> Html:
    links = (
        el("a", word("page", each), href=f"{up}{file}", aria_current=each == name and "page")
        for each, file in _NAVIGATION.items()
    )
    buttons = (
        el("button", text, type="button", lang=code, data_set_lang=key, aria_pressed="false")
        for key, text, code in (("zh", "中文", "zh-CN"), ("en", "English", "en"))
    )
    mark = joined(el("b", "yibao-bus"), el("span", catalogue.profile.title))
    words = " ".join(pair("page", "language"))
    return el(
        "header",
        el("a", mark, href=f"{up}index.html", class_="mark"),
        el("nav", *links, aria_label="目录 navigation"),
        el("div", *buttons, class_="language", role="group", aria_label=words),
    )


def _foot(catalogue: Catalogue, up: str) -> Html:
    region = catalogue.profile
    names = ("asyncapi.json", "contract.json")
    documents = (joined(el("a", name, href=f"{up}{name}"), " ") for name in names)
    place = f": {region.title} ({region.name}). "
    return el(
        "footer",
        el("p", word("page", "region"), place, word("page", "version"), f": {CONTRACT_VERSION}."),
        el("p", word("page", "files"), ": ", *documents),
    )
