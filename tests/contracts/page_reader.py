"""Reads an HTML page as strictly as a browser is lenient, and remembers what tests ask about."""

from html.parser import HTMLParser

VOID = frozenset({"meta", "link", "input", "br", "hr", "img"})
WITHIN = {"li": {"ul", "ol"}, "tr": {"thead", "tbody"}, "td": {"tr"}, "th": {"tr"},
          "dt": {"dl"}, "dd": {"dl"}, "option": {"select"}, "summary": {"details"}}  # fmt: skip
TEXT_ONLY = frozenset({"p", "h1", "h2", "h3", "span", "a", "button", "code", "label", "pre"})
BLOCKS = frozenset({"p", "h1", "h2", "h3", "div", "table", "ul", "dl", "section", "pre"})


class Page(HTMLParser):
    """``faults``: what is wrong with the markup. ``texts``: id -> text inside that element."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.headings: list[str] = []
        self.labelled: set[str] = set()
        self.controls: list[str] = []
        self.langs: list[tuple[str, str]] = []
        self.texts: dict[str, str] = {}
        self._open: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        self.faults += [f"<{name}> is not closed" for name, _ in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = {name: value or "" for name, value in attrs}
        if len(held) != len(attrs):
            self.faults.append(f"<{tag}> has an attribute twice")
        self._place(tag)
        self._note(tag, held)
        if tag not in VOID:
            self._open.append((tag, held.get("id", "")))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            self.faults.append(f"</{tag}> closes nothing")
            return
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for _, held in self._open:
            if held:
                self.texts[held] = self.texts.get(held, "") + data

    def _place(self, tag: str) -> None:
        parent = self._open[-1][0] if self._open else ""
        if tag in WITHIN and parent not in WITHIN[tag]:
            self.faults.append(f"<{tag}> in <{parent}>")
        if tag in BLOCKS and parent in TEXT_ONLY:
            self.faults.append(f"<{tag}> in <{parent}>")
        if tag in {"a", "button"} and any(name in {"a", "button"} for name, _ in self._open):
            self.faults.append(f"<{tag}> in a link or button")

    def _note(self, tag: str, held: dict[str, str]) -> None:
        if "id" in held:
            if held["id"] in self.ids or not held["id"] or " " in held["id"]:
                self.faults.append(f"the id {held['id']!r} is there twice, or is none")
            self.ids.add(held["id"])
        if tag == "a":
            self.links.append(held.get("href", ""))
        if tag in {"script", "link", "img"}:
            self.loaded.append(held.get("src") or held.get("href") or "inline")
        if tag in {"h1", "h2", "h3"}:
            self.headings.append(tag)
        if tag == "label":
            self.labelled.add(held.get("for", ""))
        if tag in {"input", "select"}:
            self.controls.append(held.get("id", ""))
        if tag == "th" and held.get("scope") not in {"col", "row"}:
            self.faults.append("<th> without scope")
        if any(name.startswith("on") or name == "style" for name in held):
            self.faults.append(f"<{tag}> with a script or a style of its own")
        if tag in {"html", "span"} and "lang" in held:
            self.langs.append((held.get("class", ""), held["lang"]))
