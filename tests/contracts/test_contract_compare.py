"""The comparison of contracts: nothing in the same, every breaking change in a spoilt one."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.command_line import ExitCode, main
from producers.contracts.compare import breaking, compare, kinds
from producers.contracts.structure import Contract, Entry, columns, contract_of, read_columns
from schemas.catalogue import load
from tests.contracts.contract_mutations import MUTATIONS, Mutation, mutated, plain_of

REGIONS = {name: contract_of(load(name)) for name in ("yunnan", "hunan")}


def with_listed(contract: Contract) -> Contract:
    """The contract with one transaction that is known by name only."""
    entry = Entry(where="centre", effect="query", recovery="repeat", listed=True)
    return msgspec.structs.replace(contract, transactions={**contract.transactions, "9999": entry})


BASE = with_listed(REGIONS["yunnan"])
PLAIN = plain_of(BASE)
PLACES = {n: list(mutation.places(PLAIN)) for n, mutation in enumerate(MUTATIONS)}


@pytest.mark.parametrize("name", REGIONS)
def test_a_contract_compared_with_itself_has_no_change(name: str) -> None:
    written = msgspec.json.decode(msgspec.json.encode(REGIONS[name]), type=Contract)
    assert compare(REGIONS[name], written) == ()


def test_there_is_a_mutation_for_every_kind_that_breaks() -> None:
    assert {each.kind for each in MUTATIONS} == {n for n, kind in kinds().items() if kind.breaking}
    assert all(PLACES.values())


@settings(max_examples=150)
@given(st.data())
def test_every_breaking_change_is_found_at_its_place_and_nothing_else(data: st.DataObject) -> None:
    number = data.draw(st.sampled_from(range(len(MUTATIONS))))
    mutation, place = MUTATIONS[number], data.draw(st.sampled_from(PLACES[number]))
    held(mutation, place)


@pytest.mark.parametrize("number", range(len(MUTATIONS)))
def test_each_mutation_is_found_at_its_first_place(number: int) -> None:
    held(MUTATIONS[number], PLACES[number][0])


def held(mutation: Mutation, place: tuple[str, ...]) -> None:
    spoilt = mutated(BASE, mutation, place)
    found = breaking(compare(BASE, spoilt))
    path = mutation.named(place)
    at = [change for change in found if change.path == path or change.path.startswith(f"{path}.")]
    assert mutation.kind in {change.kind for change in at}
    assert len(at) == len(found)
    for change in compare(spoilt, BASE):
        assert change.words.en
        assert change.words.zh


def test_a_looser_request_and_a_fuller_reply_break_nothing() -> None:
    plain = plain_of(BASE)
    data = plain["transactions"]["2207"]["input"]["nodes"]["data"]["fields"]
    data |= {"psn_no": "text 40", "brand_new": "text 3", "acct_used_flag": "text 9 | required"}
    told = plain["transactions"]["2207"]["output"]["nodes"]["setlinfo"]["fields"]
    told |= {"brand_new": "text 3 | required", "psn_name": "text 10 | required"}
    plain["transactions"]["7777"] = plain["transactions"]["5204"]
    plain["bus"]["reply"]["hint"] = "string"
    plain["bus"]["request"]["hint"] = "text"
    plain["bus"]["codes"]["too_late"] = "expired, money not_moved"
    changes = compare(BASE, msgspec.convert(plain, Contract))
    assert breaking(changes) == ()
    assert {(change.path, change.kind) for change in changes} >= {
        ("2207.input.data.psn_no", "request_optional"),
        ("2207.input.data.brand_new", "request_added"),
        ("2207.output.setlinfo.brand_new", "reply_added"),
        ("7777", "transaction_added"),
        ("bus.reply.hint", "reply_added"),
        ("bus.request.hint", "request_added"),
        ("bus.codes.too_late", "outcome_added"),
    }


@pytest.mark.parametrize(
    ("before", "after", "request_kinds", "reply_kinds"),
    [
        ("digits 8", "text 8", {"request_wider"}, {"reply_type"}),
        ("text 8", "digits 8", {"request_type"}, {"reply_narrower"}),
        ("date", "text 8", {"request_length"}, {"reply_type"}),
        ("whole 4", "amount 16,2", {"request_wider"}, {"reply_type"}),
        ("amount 16,2", "amount 16,4", {"request_length"}, {"reply_length"}),
        ("text", "text 4000", {"request_length"}, {"reply_narrower"}),
        ("text 3", "text 3 | required when a=1", {"request_required"}, {"reply_always"}),
        ("text 3 | required when a=1", "text 3 | required when a=1,2", {"request_required"},
         {"reply_always"}),
        ("text 3 | codes gend", "text 3 | codes mdtrt_cert_type", {"request_codes"},
         {"reply_narrower"}),
    ],
)  # fmt: skip
def test_what_narrows_a_request_widens_a_reply(
    before: str, after: str, request_kinds: set[str], reply_kinds: set[str]
) -> None:
    def having(line: str) -> Contract:
        plain = plain_of(BASE)
        for part, node in (("input", "data"), ("output", "setlinfo")):
            plain["transactions"]["2207"][part]["nodes"][node]["fields"]["probe"] = line
        return msgspec.convert(plain, Contract)

    changes = compare(having(before), having(after))
    asked = {change.kind for change in changes if ".input." in change.path}
    told = {change.kind for change in changes if ".output." in change.path}
    assert (asked, told) == (request_kinds, reply_kinds)


def test_the_columns_of_every_field_can_be_read_again() -> None:
    catalogue = load("hunan")
    kept = {"name": "x", "label": "x", "note": "", "was": (), "sent": ""}
    every = [catalogue[infno] for infno in catalogue.infnos()]
    roots = [root for one in every for root in (one.inputs, one.outputs)]
    for field in (field for root in roots for _, node in root.walk() for field in node.fields):
        assert read_columns(columns(field)) == msgspec.structs.replace(field, **kept)


@pytest.fixture
def exports(tmp_path: Path) -> tuple[Path, Path]:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder, region in ((old, "yunnan"), (new, "hunan")):
        folder.mkdir()
        (folder / "contract.json").write_bytes(msgspec.json.encode(REGIONS[region]))
    return old, new


def test_compare_tells_both_kinds_and_ends_with_one_when_something_breaks(
    exports: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = map(str, exports)
    assert main(["schema", "compare", old, new, "--json"]) == ExitCode.NEGATIVE
    told = json.loads(capsys.readouterr().out)
    first = next(c for c in told["changes"] if c["path"] == "2207.input.data.certno")
    assert (first["kind"], first["breaking"], first["zh"]) == ("request_required", True, "现为必填")
    assert told["breaking"] == sum(change["breaking"] for change in told["changes"]) > 0
    assert main(["schema", "compare", old, new]) == ExitCode.NEGATIVE
    page = capsys.readouterr().out
    assert "2207.input.data.certno" in page
    assert page.splitlines()[0].endswith(f": {told['breaking']}")
    assert main(["schema", "compare", old, old]) == ExitCode.OK


@pytest.mark.parametrize("text", [None, "no json", '{"format":1}'])
def test_a_folder_without_a_contract_is_a_usage_error(
    exports: tuple[Path, Path], text: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = exports
    if text is None:
        (new / "contract.json").unlink()
    else:
        (new / "contract.json").write_text(text, "utf-8")
    assert main(["schema", "compare", str(old), str(new)]) == ExitCode.USAGE
    assert "no contract to compare" in capsys.readouterr().err


def test_a_contract_of_a_later_format_is_not_guessed_at(
    exports: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = exports
    later = msgspec.structs.replace(REGIONS["yunnan"], format=2)
    (new / "contract.json").write_bytes(msgspec.json.encode(later))
    assert main(["schema", "compare", str(old), str(new)]) == ExitCode.USAGE
    assert "format 2" in capsys.readouterr().err
