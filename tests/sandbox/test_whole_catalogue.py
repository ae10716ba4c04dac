"""Every transaction of the catalogue is answered, and what was told comes back when asked for."""

import io
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sandbox.refusals import refusal_texts
from sandbox.transactions import HANDLERS
from schemas.catalogue import everything
from schemas.contract import Json
from schemas.examples import example_input
from schemas.transaction import Effect, Transaction, Where
from schemas.walker import list_faults
from tests.sandbox.sandbox_hospital import Hospital, RefusalError
from tests.sandbox.sandbox_process import CentreProcess

CATALOGUE = everything()
GENERAL = [
    CATALOGUE[infno]
    for infno in CATALOGUE.infnos()
    if infno not in HANDLERS and CATALOGUE[infno].where is Where.CENTRE
]
LATER = {Effect.QUERY: 1, Effect.FILE: 1, Effect.CANCEL: 2}


@pytest.fixture(scope="module")
def whole_centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CentreProcess]:
    """A sandbox that knows the transactions of every place."""
    with CentreProcess(tmp_path_factory.mktemp("whole") / "books", "--profile", "all") as process:
        yield process


@pytest.fixture
def anywhere(whole_centre: CentreProcess) -> Iterator[Hospital]:
    """A signed-in hospital of its own at that sandbox."""
    with Hospital(whole_centre) as one:
        one.sign_in()
        yield one


def expected() -> dict[str, str]:
    """Which example is refused, and by which rule."""
    table = tomllib.loads(
        Path(__file__).with_suffix(".toml").with_stem("whole_catalogue").read_text()
    )
    return {infno: slug for slug, infnos in table.items() for infno in infnos}


def faults(transaction: Transaction, output: Json) -> list[str]:
    """Faults of an answer against the catalogue. A list that must be there may be empty."""
    normal = transaction.decode_output(output)
    found = list_faults(transaction.outputs, normal, transaction.codes)
    lists = {
        "$." + path for path, node in transaction.outputs.walk() if node.repeat and "[" not in path
    }
    return [
        f"{transaction.infno} {fault.path} {fault.problem}"
        for fault in found
        if not (fault.problem == "missing" and fault.path in lists)
    ]


def test_the_example_of_every_transaction_is_answered_as_the_catalogue_says(
    whole_centre: CentreProcess,
) -> None:
    refused, wrong = {}, []
    rules = {rule: slug for slug, (_, rule, _) in refusal_texts().items()}
    with Hospital(whole_centre, code="H53010200001") as hospital:
        hospital.sign_in()
        for transaction in sorted(GENERAL, key=lambda one: LATER.get(one.effect, 0)):
            try:
                output = hospital.ask(transaction.infno, example_input(transaction))
            except RefusalError as refusal:
                refused[transaction.infno] = rules.get(refusal.rule, refusal.text)
                continue
            wrong += faults(transaction, output)
    assert wrong == []
    assert refused == expected()
    assert len(GENERAL) + len(HANDLERS) > 260


def test_a_transaction_of_another_place_or_of_the_desk_is_unknown(hospital: Hospital) -> None:
    for infno in ("2691", "1161", "1163", "7108", "0000"):
        answer = hospital.raw(infno, {"data": {"psn_no": "1"}})
        assert "未知交易编号" in answer["err_msg"], infno


def download(hospital: Hospital, handle: Json, owner: str) -> list[list[str]]:
    """The rows of a file, from the bytes of 9102."""
    given = {"file_qury_no": handle["file_qury_no"], "filename": handle["filename"]}
    envelope = hospital.envelope("9102", {"fsDownloadIn": given | {"fixmedins_code": owner}})
    response = hospital.send(envelope)
    if not response.content.startswith(b"PK"):
        raise RefusalError(msgspec.json.decode(response.content))
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        (name,) = archive.namelist()
        return [line.split("\t") for line in archive.read(name).decode().splitlines()]


CATALOGUE_FILES = [one.infno for one in GENERAL if one.files.nodes and one.infno[:2] == "13"]


def test_a_catalogue_file_has_the_columns_and_rows_it_announces(anywhere: Hospital) -> None:
    assert len(CATALOGUE_FILES) > 20
    for infno in CATALOGUE_FILES:
        columns = [field.name for field in CATALOGUE[infno].files.nodes[0].fields]
        handle = anywhere.ask(infno, {"data": {"ver": "F001_0000_A"}})
        rows = download(anywhere, handle, "plc")
        assert len(rows) == int(handle["data_cnt"]) > 0, infno
        assert {len(row) for row in rows} == {len(columns)}, infno
        assert all(cell for row in rows for cell in row), infno
        assert len({row[0] for row in rows}) == len(rows), infno


def test_a_catalogue_file_holds_only_what_is_newer_than_the_version_held(
    anywhere: Hospital,
) -> None:
    at = [field.name for field in CATALOGUE["1307"].files.nodes[0].fields].index("ver")
    all_rows = download(anywhere, anywhere.ask("1307", {"data": {"ver": "0"}}), "plc")
    held = all_rows[4][at]
    newer = download(anywhere, anywhere.ask("1307", {"data": {"ver": held}}), "plc")
    assert newer == all_rows[5:]
    last = anywhere.ask("1307", {"data": {"ver": all_rows[-1][at]}})
    assert (last["data_cnt"], download(anywhere, last, "plc")) == ("0", [])


def test_a_catalogue_file_is_asked_for_as_plc(anywhere: Hospital) -> None:
    handle = anywhere.ask("1301", {"data": {"ver": "0"}})
    with pytest.raises(RefusalError, match="sbxFileBO_902"):
        download(anywhere, handle, anywhere.code)
    with pytest.raises(RefusalError, match="sbxFileBO_901"):
        download(anywhere, handle | {"filename": "other.zip"}, "plc")


def stock(infno: str, **changed: str) -> Json:
    """The input of an inventory upload, with the fields of its one row changed."""
    given = example_input(CATALOGUE[infno])
    (name,) = given
    rows = given[name] if isinstance(given[name], list) else [given[name]]
    row = rows[0] | changed
    return {name: [row] if isinstance(given[name], list) else row}


def test_what_3501_uploads_is_what_3508_tells_until_3507_deletes_it(anywhere: Hospital) -> None:
    anywhere.ask("3501", stock("3501", fixmedins_bchno="B1", inv_cnt="12.00"))
    asked = {
        "fixmedins_code": anywhere.code,
        "medins_list_codg": "YP0001",
        "fixmedins_bchno": "B1",
        "begndate": "2024-01-01",
        "enddate": "2024-12-31",
    }
    (row,) = anywhere.ask("3508", {"data": asked})
    told = {"fixmedinsBchno": "B1", "invCnt": "12.00", "fixmedinsCode": anywhere.code}
    assert {name: row[name] for name in told} == told
    assert anywhere.ask("3508", {"data": asked | {"fixmedins_bchno": "B10"}}) == []
    assert anywhere.ask("3508", {"data": asked | {"enddate": "2024-01-31"}}) == []
    with pytest.raises(RefusalError, match="sbxKeptBO_802"):
        anywhere.ask("3501", stock("3501", fixmedins_bchno="B1"))
    anywhere.ask("3507", {"data": {"fixmedins_bchno": "B1", "inv_data_type": "1"}})
    assert anywhere.ask("3508", {"data": asked}) == []
    books = anywhere.centre.get("books/uploads", tenant=anywhere.code, book="stocktake")
    assert [(entry["infno"], entry["live"]) for entry in books] == [("3501", False)]
    with pytest.raises(RefusalError, match="sbxKeptBO_801"):
        anywhere.ask("3507", {"data": {"fixmedins_bchno": "B1", "inv_data_type": "1"}})


def test_a_bad_row_of_a_batch_is_refused_alone_and_told_so(anywhere: Hospital) -> None:
    (good,) = stock("3503A", fixmedins_bchno="P1")["purcinfoDetail"]
    bad = good | {"fixmedins_bchno": "P2", "manu_date": "2024-05-01", "expy_end": "2024-04-01"}
    rows = anywhere.ask("3503A", {"purcinfoDetail": [good, bad, good]})["purcinfoDetail"]
    assert [row["retRslt"] for row in rows] == ["1", "0", "0"]
    assert [row["fixmedins_bchno"] for row in rows] == ["P1", "P2", "P1"]
    assert "sbxKeptBO_803" in rows[1]["msgRslt"]
    assert "sbxKeptBO_802" in rows[2]["msgRslt"]
    asked = example_input(CATALOGUE["3510"])["data"] | {"fixmedins_bchno": "P1"}
    window = {"begndate": "2024-01-01", "enddate": "2024-12-31", "fixmedins_code": anywhere.code}
    (kept,) = anywhere.ask("3510", {"data": asked | window})
    assert kept["medinsProdPurcNo"] == rows[0]["medins_prod_purc_no"]
    gone = [{"fixmedins_bchno": number, "inv_data_type": "3"} for number in ("P1", "P2")]
    (refused,) = anywhere.ask("3507A", {"goodDetail": gone})["goodErrDetail"]
    assert (refused["fixmedins_bchno"], refused["retRslt"]) == ("P2", "0")


def test_a_filing_is_told_by_its_query_and_withdrawn_by_its_number(anywhere: Hospital) -> None:
    patient = anywhere.receive("employee")
    given = example_input(CATALOGUE["2503"])
    given["data"] |= {"psn_no": patient.psn_no, "opsp_dise_code": "M00100"}
    number = anywhere.ask("2503", given)["result"]["trt_dcla_detl_sn"]
    asked = {"data": {"psn_no": patient.psn_no}}
    (row,) = anywhere.ask("5301", asked)["feedetail"]
    assert row["opsp_dise_code"] == "M00100"
    withdrawal = {"trt_dcla_detl_sn": number, "psn_no": patient.psn_no, "memo": "误报"}
    anywhere.ask("2504", {"data": withdrawal})
    assert anywhere.ask("5301", asked)["feedetail"] == []
    with pytest.raises(RefusalError, match="sbxKeptBO_801"):
        anywhere.ask("2504", {"data": withdrawal})


def test_an_institution_never_sees_the_rows_of_another(
    anywhere: Hospital, whole_centre: CentreProcess
) -> None:
    department = example_input(CATALOGUE["3401"])
    anywhere.ask("3401", department)
    assert len(anywhere.ask("5101", {"data": {}})["feedetail"]) == 1
    with Hospital(whole_centre) as other:
        other.sign_in()
        assert other.ask("5101", {"data": {}})["feedetail"] == []
        with pytest.raises(RefusalError, match="sbxKeptBO_801"):
            other.ask("3402", example_input(CATALOGUE["3402"]))


def test_1901_tells_a_code_table_of_the_catalogue(anywhere: Hospital) -> None:
    asked = example_input(CATALOGUE["1901"])["data"] | {"type": "insutype", "valiFlag": "1"}
    rows = anywhere.ask("1901", {"data": asked})["list"]
    values = CATALOGUE.codes["insutype"].values
    assert {row["value"]: row["label"] for row in rows} == values
    assert anywhere.ask("1901", {"data": asked | {"type": "no_such_table"}})["list"] == []


def test_a_query_tells_the_person_asked_about(anywhere: Hospital) -> None:
    patient = anywhere.receive("resident")
    rows = anywhere.ask("5206", {"data": {"psn_no": patient.psn_no}})["cuminfo"]
    assert {row["insutype"] for row in rows} == {"390"}
    with pytest.raises(RefusalError, match="sbxPsnBO_301"):
        anywhere.ask("5206", {"data": {"psn_no": "53990000000000009999"}})
