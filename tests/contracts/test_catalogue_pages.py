"""The browsable catalogue: sound markup, no way out of the folder, everything the data hold.

No browser is among the tools of the tests; the markup is read strictly, the search runs in Node.js.
"""

import json
import re
import subprocess
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from producers.contracts import pages
from producers.contracts.pages.markup import Html, both, el, table
from producers.contracts.structure import requested, requested_from_his
from schemas.catalogue import load
from schemas.outcomes import outcome_codes
from tests.contracts.page_reader import Page

CATALOGUE = load("yunnan")
EVERY = [CATALOGUE[infno] for infno in CATALOGUE.infnos()]
OUTSIDE = frozenset({"asyncapi.json", "contract.json"})
"""Files beside the pages, written by the same export."""


@cache
def files() -> dict[str, str]:
    return dict(pages.files(CATALOGUE))


@cache
def read() -> dict[str, Page]:
    """The pages of their own kind, each fourth transaction, and the first of each odd sort."""
    odd = {(one.where, one.listed, bool(one.files.nodes)): one for one in reversed(EVERY)}
    chosen = {f"transactions/{one.infno}.html" for one in (*EVERY[::4], *odd.values())}
    chosen |= {"index.html", "codes.html", "bus.html"}
    return {name: Page(files()[name]) for name in sorted(chosen)}


def ids(name: str) -> set[str]:
    """The ids of a page, read or not."""
    return set(re.findall(r' id="([^"]+)"', files()[name]))


def shown(text: str, part: str) -> Any:
    """The body that stands in a page as an example."""
    found = re.search(rf'<pre id="body-{part}" tabindex="0"><code>(.*?)</code>', text, re.DOTALL)
    assert found
    return json.loads(unescape(found[1]))


def test_every_page_is_sound() -> None:
    for name, page in read().items():
        assert page.faults == [], name
        assert page.headings[0] == "h1", name
        assert page.headings.count("h1") == 1, name
        assert set(page.controls) <= page.labelled, name
        for above, below in zip(page.headings, page.headings[1:], strict=False):
            assert below <= above or int(below[1]) == int(above[1]) + 1, name


def test_every_link_leads_to_a_place_that_is_there() -> None:
    for name, page in read().items():
        here = Path(name).parent
        for link in page.links:
            file, _, place = link.partition("#")
            target = name if not file else str((here / file).as_posix())
            target = re.sub(r"(^|/)[^/.]+/\.\./", r"\1", target)
            if target in OUTSIDE or target.startswith("schemas/"):
                infno = Path(target).name.partition(".")[0]
                assert target in OUTSIDE or requested_from_his(CATALOGUE[infno])
                continue
            assert target in files(), f"{name}: {link}"
            assert not place or unquote(place) in ids(target), f"{name}: {link}"


def test_nothing_is_loaded_from_elsewhere() -> None:
    for name, page in read().items():
        up = "../" if "/" in name else ""
        assert set(page.loaded) <= {
            f"{up}assets/{asset}" for asset in ("catalogue.css", "catalogue.js", "search-index.js")
        }
    assets = [files()[f"assets/{name}"] for name in ("catalogue.css", "catalogue.js")]
    for text in assets:
        assert not re.search(r"https?:|//\w|url\(|@import|fetch\(|XMLHttpRequest|innerHTML", text)


def test_a_text_stands_in_both_languages_or_names_its_own() -> None:
    for name, page in read().items():
        zh = page.langs.count(("zh", "zh-CN"))
        assert zh == page.langs.count(("en", "en")) > 0, name
        assert page.langs[0] == ("", "zh-CN"), name


def test_every_field_and_code_table_has_its_place() -> None:
    tables = ids("codes.html")
    for one in EVERY:
        here = ids(f"transactions/{one.infno}.html")
        for root in (one.inputs, one.outputs, one.files):
            for path, node in root.walk():
                assert {f"{path}.{field.name}" for field in node.fields} <= here
                assert {field.codes for field in node.fields if field.codes} <= tables
    assert {f"code-{code}" for code in outcome_codes()} <= ids("bus.html")


@pytest.mark.parametrize("profile", ["yunnan", "hunan"])
def test_every_example_on_a_page_is_accepted(profile: str) -> None:
    catalogue = load(profile)
    made = files() if profile == "yunnan" else dict(pages.files(catalogue))
    for one in requested(catalogue):
        text = made[f"transactions/{one.infno}.html"]
        asked, told = shown(text, "request"), shown(text, "reply")
        assert asked["infno"] == told["infno"] == one.infno
        assert one.faults(asked["input"]) == ()
        assert one.decode_output(told["output"]) == told["output"]


def test_what_no_his_asks_for_has_no_example_and_says_so() -> None:
    others = [one for one in EVERY if not requested_from_his(one)]
    assert others
    for one in others:
        text = files()[f"transactions/{one.infno}.html"]
        assert "body-request" not in text
        assert "不由 HIS 发起" in text


def test_text_from_data_cannot_break_a_page() -> None:
    bad = '<script>"&</script>'
    made = el("p", bad, title=bad, data_x=True, hidden=False)
    assert made == (
        '<p title="&lt;script&gt;&quot;&amp;&lt;/script&gt;" data-x>'
        '&lt;script&gt;"&amp;&lt;/script&gt;</p>'
    )
    assert "<script" not in table([bad], [[bad, both(bad, "x")]], caption=bad)
    assert el("p", [Html("<br>"), ("a", "<")]) == "<p><br>a&lt;</p>"
    assert "</script" not in files()["assets/search-index.js"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Question -> what the search of the pages finds."""
    folder = tmp_path_factory.mktemp("pages")
    for name in ("catalogue.js", "search-index.js"):
        (folder / name).write_text(files()[f"assets/{name}"], "utf-8")
    questions = ["2207", "门诊结算", "MDTRT_ID", "险种", "outpatient settlement", "医保电子凭证",
                 "22", "<b>", "  ", "nothing of the kind"]  # fmt: skip
    code = (
        'require("./search-index.js"); const { find } = require("./catalogue.js");'
        "const asked = JSON.parse(process.argv[1]);"
        "const told = asked.map((text) => [text, find(YIBAO_INDEX, text)]);"
        "process.stdout.write(JSON.stringify(Object.fromEntries(told)));"
    )
    command = ["node", "-e", code, json.dumps(questions)]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=30, check=True
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize(
    ("question", "kind", "first"),
    [
        ("2207", "transactions", "2207"),
        ("门诊结算", "transactions", "2207"),
        ("outpatient settlement", "transactions", "2207"),
        ("MDTRT_ID", "fields", "mdtrt_id"),
        ("险种", "fields", "insutype"),
        ("医保电子凭证", "tables", "mdtrt_cert_type"),
        ("22", "transactions", "2201"),
    ],
)
def test_the_search_puts_the_right_thing_first(
    found: dict[str, Any], question: str, kind: str, first: str
) -> None:
    assert found[question][kind]["rows"][0][0] == first


def test_the_search_finds_nothing_for_nothing(found: dict[str, Any]) -> None:
    assert found["  "] is None
    for question in ("<b>", "nothing of the kind"):
        assert {kind: hits["count"] for kind, hits in found[question].items()} == {
            "transactions": 0,
            "fields": 0,
            "tables": 0,
        }


def test_a_broken_page_is_seen() -> None:
    broken = {
        "<p><div></div></p>": "<div> in <p>",
        "<ul><li>a</ul>": "</ul> closes nothing",
        '<b id="a"></b><i id="a"></i>': "the id 'a' is there twice",
        "<table><tr></tr></table>": "<tr> in <table>",
        '<p onclick="x">a</p>': "with a script",
    }
    for text, fault in broken.items():
        assert any(fault in each for each in Page(text).faults), text
