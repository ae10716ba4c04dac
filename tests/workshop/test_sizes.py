"""The check of the house's sizes finds what it should and nothing else."""

import ast
from pathlib import Path

import pytest

from scripts.check_sizes import breaches_of, depth
from scripts.check_words import finds_in


def test_the_tree_keeps_the_sizes_of_modules_and_functions(tmp_path: Path) -> None:
    file = tmp_path / "long.py"
    file.write_text("def f():\n" + "    x = 1\n" * 59)
    assert list(breaches_of(file)) == []
    file.write_text("def f():\n" + "    x = 1\n" * 60)
    assert "f has 61 lines" in next(breaches_of(file))
    file.write_text("x = 1\n" * 601)
    assert "module of 601 lines" in next(breaches_of(file))


@pytest.mark.parametrize(
    ("code", "deep"),
    [
        ("def f():\n return 1", 0),
        ("def f():\n if a:\n  for b in c:\n   while d:\n    pass", 3),
        ("def f():\n if a:\n  pass\n elif b:\n  pass\n elif c:\n  pass\n else:\n  pass", 1),
        ("def f():\n if a:\n  def g():\n   if b:\n    pass", 1),
        ("def f():\n with a:\n  with b:\n   try:\n    pass\n   finally:\n    pass", 1),
    ],
)
def test_nesting_counts_branches_and_loops_inside_each_other(code: str, deep: int) -> None:
    assert depth(ast.parse(code).body[0]) == deep


@pytest.mark.parametrize(
    "line",
    [
        "see https://" + "pypi" + ".org/simple",
        "see https://git" + "hub.com/somebody/something",
        "in /wo" + "rk/main/x",
        '"resolved": "https://registry.' + 'npmjs.org/a"',
    ],
)
def test_words_that_have_no_place_in_the_tree_are_found(tmp_path: Path, line: str) -> None:
    file = tmp_path / "page.md"
    file.write_text(f"good\n{line}\n")
    (find,) = finds_in(file)
    assert f"{file}:2: " in find


def test_ordinary_words_and_binary_files_are_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("a framework/main and ./work/x and /var/lib\n")
    assert finds_in(file) == []
    file.write_bytes(b"\xff\xfe\x00")
    assert finds_in(file) == []
