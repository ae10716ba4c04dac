"""The contract's pages say what the code does, in both languages."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from consumers.replies import Said, reply_bytes
from producers.contract_page import KEY, MSGID, PAGES, example_reply, filled
from producers.wire import read_reply
from schemas.catalogue import load
from schemas.contract import CentreAnswer, FaultLine, Reply, RequestBody, Status, Times
from schemas.outcomes import outcome_codes
from schemas.views import settlement_faults

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(params=sorted(PAGES))
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(language: str) -> str:
    return (DOCS / PAGES[language]).read_text("utf-8")


def test_the_page_is_up_to_date(page: str, language: str) -> None:
    renewed = filled(page, language, DOCS / "examples")
    assert page == renewed, "run: python -m producers.contract_page docs"


def test_every_code_and_status_is_explained(page: str) -> None:
    for code, entry in outcome_codes().items():
        assert f"| `{code}` | `{entry.status}` |" in page
        assert entry.zh in page
    for status in Status:
        assert re.search(rf"^\| `{status}` \| [^|]+ \| [^|]+ \|$", page, re.MULTILINE)


def test_every_member_of_request_and_reply_is_explained(page: str) -> None:
    for kind in (RequestBody, Reply, CentreAnswer, FaultLine):
        for field in msgspec.structs.fields(kind):
            if kind is FaultLine or field.name != "input":
                assert f"`{field.name}`" in page, field.name


def test_the_example_reply_is_what_the_worker_writes_and_adds_up() -> None:
    output = json.loads((DOCS / "examples" / "settle-2207.output.json").read_text("utf-8"))
    for profile in ("yunnan", "hunan"):
        catalogue = load(profile)
        assert catalogue["2207"].decode_output(output) == output
        assert settlement_faults(output["setlinfo"], output["setldetail"]) == ()
    encoded = msgspec.json.encode(output)
    said = Said(
        infno="2207",
        msgid=MSGID,
        output=encoded,
        centre=CentreAnswer(infcode="0", inf_refmsgid="530000202611231015010000000001"),
        attempts=1,
        times=Times(
            received="2026-11-23T02:15:00.020Z",
            sent="2026-11-23T02:15:00.031Z",
            answered="2026-11-23T02:15:01.204Z",
        ),
    )
    assert example_reply(encoded) == reply_bytes("ok", said)
    assert read_reply(example_reply(encoded), KEY).decoded() == output
    assert output["setlinfo"]["medins_setl_id"] == MSGID
