"""The judge: do the hospital, the bus's journal and the centre's books say the same?"""

from collections import Counter

import msgspec

from bus.clock import SystemClock
from bus.config.load import load_settings
from bus.journal.open import open_journal
from bus.journal.port import FindBy
from bus.lifecycle.record import FINAL, Record
from compose.demo.notebook import Note, Notebook
from compose.demo.stage import Stage
from consumers.institution import KEPT_EFFECTS
from schemas.catalogue import load

NOT_STORED = frozenset({"conflict"})
"""Answers that belong to no record of their own: the key is another request's."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the final table. ``kept``: a request with an effect, which the journal keeps."""

    title: str
    infno: str
    told: str
    journal: str
    centre: str
    agree: bool
    kept: bool = True


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a run: ``requests`` is ``agree`` and ``disagree`` together."""

    requests: int
    agree: int
    disagree: int
    double_settled: int
    lost: int
    seconds: float


async def judge(stage: Stage, notebook: Notebook, seconds: float) -> tuple[list[Line], Verdict]:
    """Hold every noted request against the books: the journal's too when it has an effect."""
    settings = load_settings(stage.config, {})
    journal = open_journal(settings.journal, SystemClock())
    await journal.open()
    catalogue = load("yunnan")
    lines, lost = [], 0
    try:
        for note in notebook.notes:
            if catalogue[note.infno].effect not in KEPT_EFFECTS:
                lines.append(compare_query(stage, note))
                continue
            found = await journal.find(FindBy(tenant=note.tenant, key=note.key))
            record = found[0] if found else None
            lost += record is None or record.state not in FINAL or not note.told
            lines.append(compare(stage, note, record))
    finally:
        await journal.close()
    agree = sum(line.agree for line in lines)
    return lines, Verdict(
        requests=len(lines),
        agree=agree,
        disagree=len(lines) - agree,
        double_settled=double_settled(stage),
        lost=lost,
        seconds=round(seconds, 1),
    )


def compare(stage: Stage, note: Note, record: Record | None) -> Line:
    """One request: the centre is asked by every msgid that the journal or the reply names."""
    msgid = record.msgid if record is not None else note.msgid
    truth = stage.admin(f"/books/judgement?msgid={msgid}") if msgid else {}
    committed, live = truth.get("times_committed", 0), bool(truth.get("live"))
    journal = record.state if record is not None else "-"
    if note.told in NOT_STORED:
        agree = record is not None and committed <= 1
    else:
        agree = (
            journal == note.told
            and live == (note.told == "succeeded")
            and committed <= 1
            and not identity_flags(note)
        )
    return Line(
        title=note.title,
        infno=note.infno,
        told=f"{note.told} ({note.code})",
        journal=journal,
        centre=words(committed, live, bool(truth.get("undone_by"))),
        agree=agree,
    )


def compare_query(stage: Stage, note: Note) -> Line:
    """One query: nothing is kept of it, so what the HIS was told is held against the centre's log
    of that call."""
    truth = stage.admin(f"/books/judgement?msgid={note.msgid}") if note.msgid else {}
    answered = bool(truth.get("answered")) and not truth.get("refusal")
    return Line(
        title=note.title,
        infno=note.infno,
        told=f"{note.told} ({note.code})",
        journal="-",
        centre="answered" if answered else truth.get("refusal") or "nothing",
        agree=answered == (note.told == "succeeded"),
        kept=False,
    )


def identity_flags(note: Note) -> tuple[str, ...]:
    """Flags of a settlement whose amounts do not close."""
    return tuple(flag for flag in note.flags if flag.startswith("identity_"))


def words(committed: int, live: bool, undone: bool) -> str:
    """What the centre's books say, in words."""
    if not committed:
        return "nothing"
    if live:
        return "in effect" if committed == 1 else f"in effect, {committed} times"
    return "reversed" if undone else "not in effect"


def double_settled(stage: Stage) -> int:
    """Fee batches (or stays) with more than one live settlement in the centre's books."""
    live = Counter(
        (row["mdtrt_id"], row.get("chrg_bchno", ""))
        for row in stage.admin("/books/settlements")
        if row.get("live") and not row.get("counter_of")
    )
    return sum(count - 1 for count in live.values())
