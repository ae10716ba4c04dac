"""``python -m compose.chaos.worker --plan FILE --tell FILE -- serve ...``: the real worker, which
can be held at a named point (``compose.chaos.trap``)."""

import argparse
import sys
from pathlib import Path

from bus.command_line import main as yibao
from compose.chaos.trap import Trap, spring


def main() -> int:
    """Set the trap, then be ``yibao``."""
    parser = argparse.ArgumentParser(prog="compose.chaos.worker", description=__doc__)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--tell", type=Path, required=True)
    words = sys.argv[1:]
    split = words.index("--")
    given = parser.parse_args(words[:split])
    spring(Trap(given.plan, given.tell))
    return yibao(words[split + 1 :])


if __name__ == "__main__":
    sys.exit(main())
