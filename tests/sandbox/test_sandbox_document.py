"""docs/sandbox.md says what the sandbox does: its fault table, its example, the names it uses."""

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec

from sandbox.facts import seed_people, traits
from sandbox.faults import FAULTS
from tests.sandbox.sandbox_process import CentreProcess

PAGE = Path(__file__).parents[2] / "docs" / "sandbox.md"


def fault_table() -> str:
    """The table as it must stand in the page."""
    rows = ["| fault | what it does | 含义 | parameters |", "|---|---|---|---|"]
    for name, kind in FAULTS.items():
        fields = msgspec.structs.fields(kind)
        told = ", ".join(f"`{field.name}` = {field.default}" for field in fields) or "-"
        rows.append(f"| `{name}` | {kind.en} | {kind.zh} | {told} |")
    return "\n".join(rows) + "\n"


def test_the_fault_table_of_the_page_is_the_one_in_force() -> None:
    text = PAGE.read_text("utf-8")
    found = re.search(r"<!-- drawn: faults -->\n(.*?)<!-- end -->", text, re.DOTALL)
    assert found is not None
    assert found[1] == fault_table(), f"the table should read:\n{fault_table()}"


def test_every_fault_explains_itself_in_both_languages() -> None:
    assert all(kind.en and kind.zh for kind in FAULTS.values())


def test_the_example_of_the_page_runs(tmp_path: Path) -> None:
    found = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    with CentreProcess(tmp_path / "books") as centre:
        done = subprocess.run(
            [sys.executable, "-c", found[1]],
            env={**os.environ, "SANDBOX_PORT": str(centre.port), "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        )
    employee = seed_people()[0]
    assert done.stdout.decode().split() == [employee.psn_name, str(employee.insured[0].balc)]


def test_the_page_names_every_transaction_that_is_answered() -> None:
    text = PAGE.read_text("utf-8")
    line = next(part for part in text.split("\n\n") if part.startswith("1101, 1191"))
    named = set(re.findall(r"\d{4}A?", line))
    spans = [(int(a), int(b)) for a, b in re.findall(r"(\d{4}) to (\d{4})", line)]
    named |= {str(number) for a, b in spans for number in range(a, b + 1)}
    assert named == set(traits().effects)
