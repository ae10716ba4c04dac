"""Holds the house's sizes: lines of a module and of a function, depth of nesting.

Run from the top folder; prints every breach and exits 1 when there is one.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MODULE_LINES_MAX = 600
MODULE_LINES_SOFT = 400
FUNCTION_LINES_MAX = 60
NESTING_MAX = 3

BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.Match)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def main() -> int:
    files = [Path(name) for name in committed("*.py")]
    breaches = [line for file in files for line in breaches_of(file)]
    sys.stdout.write("".join(f"{line}\n" for line in breaches))
    sizes = {file: len(file.read_text("utf-8").splitlines()) for file in files}
    long = [file for file, lines in sizes.items() if MODULE_LINES_SOFT < lines <= MODULE_LINES_MAX]
    for file in long:
        sys.stdout.write(f"note: {file} has {sizes[file]} lines; think of splitting it\n")
    sys.stdout.write(f"sizes: {len(files)} modules, {len(breaches)} breaches\n")
    return 1 if breaches else 0


def committed(pattern: str) -> list[str]:
    """Files git knows or would add, by pattern."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern]
    listing = subprocess.run(command, check=True, capture_output=True, text=True)
    return [name for name in listing.stdout.splitlines() if Path(name).is_file()]


def breaches_of(file: Path) -> Iterator[str]:
    """Every rule one file breaks, as ``file:line: what``."""
    text = file.read_text("utf-8")
    lines = len(text.splitlines())
    if lines > MODULE_LINES_MAX:
        yield f"{file}:1: module of {lines} lines, at most {MODULE_LINES_MAX}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, FUNCTIONS):
            long = (node.end_lineno or node.lineno) - node.lineno + 1
            if long > FUNCTION_LINES_MAX:
                yield f"{file}:{node.lineno}: {node.name} has {long} lines, at most 60"
            deep = depth(node)
            if deep > NESTING_MAX:
                yield f"{file}:{node.lineno}: {node.name} nests {deep} deep, at most {NESTING_MAX}"


def depth(node: ast.AST) -> int:
    """Branches and loops inside each other; an ``elif`` is no deeper than its ``if``, and a
    function inside is counted by itself."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*FUNCTIONS, ast.ClassDef)):
            continue
        is_elif = isinstance(node, ast.If) and node.orelse == [child] and isinstance(child, ast.If)
        step = 1 if isinstance(child, BRANCHES) and not is_elif else 0
        deepest = max(deepest, step + depth(child))
    return deepest


if __name__ == "__main__":
    sys.exit(main())
