"""``yibao ... | head``: a reader that goes away is not an error."""

import subprocess
import sys

PROGRAM = """
import sys, types
from bus.command_line import VERBS, Verb, main

def run(args):
    for number in range(100_000):
        sys.stdout.write(f"line {number}\\n")
    return 0

module = types.ModuleType("talkative")
module.__dict__.update(SUMMARY="talks", configure=lambda parser: None, run=run)
sys.modules["talkative"] = module
VERBS["talk"] = Verb("talkative")
sys.exit(main(["talk"]))
"""


def test_a_reader_that_goes_away_leaves_no_error_behind() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "line 0\n"
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=30) == 0
