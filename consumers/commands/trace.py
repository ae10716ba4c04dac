"""``yibao trace``: the story of a request in words and times."""

import argparse
import json
import sys
import tomllib
from functools import cache
from importlib import resources

from bus.command_line import ExitCode, in_language
from bus.lifecycle.record import Record, StoryLine
from consumers.commands.journal_use import (
    Desk,
    facts_of,
    none_found,
    run_with,
    search,
    time_or_empty,
)

SUMMARY = "tell the story of a request: by idempotency key, msgid, or visit (mdtrt_id)"
SHOWN_MAX = 20
"""Requests of a visit told in one go; the newest come first."""


@cache
def words() -> dict[str, dict[str, str]]:
    """The words for what happens in a story, by slug (``story.toml``)."""
    text = resources.files("consumers").joinpath("story.toml").read_text("utf-8")
    return tomllib.loads(text)


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("term", metavar="KEY|MSGID|VISIT")
    parser.add_argument("--tenant", default="", help="only of this institution")


def run(args: argparse.Namespace) -> int:
    """Print the stories found."""

    async def work(desk: Desk) -> list[tuple[Record, list[StoryLine]]]:
        found = await search(desk.journal, args.term, args.tenant)
        return [(r, await desk.journal.story(r.tenant, r.key)) for r in found[:SHOWN_MAX]]

    stories = run_with(args.config, work)
    if not stories:
        raise none_found(args.term)
    if args.json:
        told = [
            {**facts_of(record), "story": [story_fact(line) for line in lines]}
            for record, lines in stories
        ]
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    else:
        for record, lines in stories:
            sys.stdout.write(as_text(record, lines))
    return ExitCode.OK


def story_fact(line: StoryLine) -> dict[str, object]:
    """A line for programs."""
    return {
        "at": time_or_empty(line.at_ms),
        "what": line.what,
        "detail": line.detail,
        "fence": line.fence,
        "owner": line.owner,
    }


def as_text(record: Record, lines: list[StoryLine]) -> str:
    """The story for people."""
    facts = facts_of(record)
    head = f"{record.infno}  {record.tenant}  {record.key}\n"
    state = f"  {record.state} / {record.code}: {facts['message']}\n"
    return head + state + "".join(sentence(line) for line in lines) + "\n"


def sentence(line: StoryLine) -> str:
    """One line of the story in words."""
    late = line.what.startswith("late_")
    entry = words().get(line.what.removeprefix("late_"), {"en": line.what, "zh": line.what})
    said = in_language(entry["en"], entry["zh"])
    if late:
        said += in_language(" (too late: changed nothing)", "（迟到，未改变结果）")
    detail = f" [{line.detail}]" if line.detail else ""
    return f"  {time_or_empty(line.at_ms)}  #{line.fence}  {said}{detail}  {line.owner}\n"
