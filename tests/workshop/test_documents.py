"""Documents: drawn parts equal their data, links lead somewhere, commands that are named exist."""

import re
from pathlib import Path

import pytest

from bus.command_line import VERBS
from scripts.write_docs import drawn, filled

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/decisions/*.md")])


@pytest.mark.parametrize("file", drawn())
def test_the_drawn_parts_of_a_document_are_up_to_date(file: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    assert filled(text, drawn()[file]) == text, "run: make docs"


def test_a_document_without_its_block_is_an_error() -> None:
    with pytest.raises(ValueError, match="no block named x"):
        filled("text", {"x": "y"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    inside = [link for link in links if "://" not in link]
    missing = [link for link in inside if not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_a_page_names_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    verbs = set(re.findall(r"`yibao ([a-z][a-z-]*)", text))
    assert verbs <= set(VERBS)
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", text)) <= targets


def test_both_readmes_name_the_same_pages() -> None:
    def pages(name: str) -> set[str]:
        text = (ROOT / name).read_text("utf-8")
        links = re.findall(r"\]\((docs/[^)#\s]+)", text)
        return {link.replace(".zh-CN.", ".") for link in links}

    assert pages("README.md") == pages("README.zh-CN.md") != set()
