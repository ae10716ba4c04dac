"""Writes what the documents draw from data: metrics table, example configuration, life cycle.

Run from the top folder (``make docs``); ``tests/workshop`` holds the documents equal to it.
"""

import re
import sys
from pathlib import Path

from bus.config.reference import example_toml
from bus.lifecycle.record import FINAL, State
from bus.lifecycle.table import TABLE
from bus.metrics import declared
from scripts import open_questions

BLOCK = r"(<!-- drawn: {name} -->\n).*?(<!-- end -->)"


def main() -> int:
    for file, parts in drawn().items():
        path = Path(file)
        path.write_text(filled(path.read_text("utf-8"), parts), "utf-8")
    return 0


def drawn() -> dict[str, dict[str, str]]:
    """Document -> name of the block -> its text."""
    return {
        "docs/metrics.md": {"metrics": metrics_table()},
        "docs/life-of-a-request.md": {"diagram": diagram(), "transitions": transitions()},
        "docs/open-questions.md": open_questions.parts("en"),
        "docs/open-questions.zh-CN.md": open_questions.parts("zh"),
        "docs/configuration.md": {"example": f"```toml\n{example_toml()}```\n"},
    }


def filled(text: str, parts: dict[str, str]) -> str:
    """The document with its drawn blocks replaced; ``ValueError`` when a block is not there."""
    for name, part in parts.items():
        block = re.compile(BLOCK.format(name=re.escape(name)), re.DOTALL)
        match = block.search(text)
        if match is None:
            raise ValueError(f"the document has no block named {name}")
        text = text[: match.start()] + match[1] + part + match[2] + text[match.end() :]
    return text


def metrics_table() -> str:
    """One row per metric."""
    rows = [
        f"| `{name}` | {metric.kind} | {', '.join(metric.labels) or '-'} | {metric.unit} "
        f"| {metric.en}<br>{metric.zh} |"
        for name, metric in declared().items()
    ]
    head = ["| metric | kind | labels | unit | meaning 含义 |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def diagram() -> str:
    """The states as a Mermaid diagram; arrows that share their ends share a line."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for state, row in TABLE.items():
        for event, rule in row.items():
            if rule.state is not state:
                arrows.setdefault((state, rule.state), []).append(event)
    lines = [f"  {a} --> {b}: {', '.join(events)}" for (a, b), events in arrows.items()]
    ends = [f"  {state} --> [*]" for state in State if state in FINAL]
    head = ["```mermaid", "stateDiagram-v2", "  [*] --> received"]
    return "\n".join([*head, *lines, *ends, "```\n"])


def transitions() -> str:
    """One row per state and event."""
    rows = [
        f"| {state} | {event} | {rule.state} | {rule.action} | {rule.code or '-'} |"
        for state, row in TABLE.items()
        for event, rule in row.items()
    ]
    head = ["| state | event | next state | action | outcome code |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
