"""``python -m sandbox``: the same as ``yibao sandbox``."""

import argparse
import sys

from sandbox.command import SUMMARY, configure, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=SUMMARY)
    configure(parser)
    sys.exit(run(parser.parse_args()))
