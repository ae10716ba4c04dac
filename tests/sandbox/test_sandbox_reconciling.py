"""3201 and 3202 against the settlements the sandbox itself made, and documents told back."""

import base64
import io
import zipfile

from sandbox.general.files import zipped
from schemas.catalogue import load
from schemas.examples import example_input
from tests.sandbox.sandbox_hospital import Hospital, Json
from tests.sandbox.sandbox_outpatient import purchase

CATALOGUE = load("yunnan")
SUMS = ("medfee_sumamt", "fund_pay_sumamt", "acct_pay")


def sold(hospital: Hospital) -> Json:
    """The setlinfo of one purchase in a pharmacy."""
    info: Json = hospital.ask("2102", purchase(hospital))["setlinfo"]
    return info


def window(info: Json, **changed: str) -> Json:
    """A question about the day of the settlement, with its sums."""
    day = info["setl_time"][:10]
    sums = {name: info[name] for name in SUMS}
    asked = {"insutype": "310", "clr_type": info["clr_type"], "setl_optins": "530102"}
    days = {"stmt_begndate": day, "stmt_enddate": day, "fixmedins_setl_cnt": "1"}
    return asked | days | sums | changed


def total(hospital: Hospital, data: Json) -> str:
    result: Json = hospital.ask("3201", {"data": data})["stmtinfo"]
    assert result["setl_optins"] == "530102"
    return str(result["stmt_rslt"])


def test_totals_agree_to_the_cent_or_not_at_all(hospital: Hospital) -> None:
    info = sold(hospital)
    assert total(hospital, window(info)) == "0"
    assert total(hospital, window(info, acct_pay="0.01")) == "1"
    assert total(hospital, window(info, fixmedins_setl_cnt="2")) == "1"
    assert total(hospital, window(info, insutype="390")) == "1"
    ids = {name: info[name] for name in ("setl_id", "mdtrt_id", "psn_no")}
    hospital.ask("2103", {"data": ids})
    nothing = dict.fromkeys(SUMS, "0.00")
    assert total(hospital, window(info, fixmedins_setl_cnt="2", **nothing)) == "0"
    assert total(hospital, window(info, fixmedins_setl_cnt="1")) == "1"


def differences(hospital: Hospital, info: Json, lines: list[list[str]]) -> list[list[str]]:
    """The lines of the result of 3202 for these uploaded lines."""
    told = {
        "in": base64.b64encode(zipped("a.txt", lines)).decode(),
        "filename": "a.zip",
        "fixmedins_code": hospital.code,
    }
    handle = hospital.ask("9101", {"fsUploadIn": told})["file_qury_no"]
    asked = window(info, file_qury_no=handle, cash_payamt="0.00")
    result = hospital.ask("3202", {"data": asked})["fileinfo"]
    assert result["file_qury_no"] != handle
    names = {name: result[name] for name in ("file_qury_no", "filename")}
    given = {"fsDownloadIn": names | {"fixmedins_code": hospital.code}}
    response = hospital.send(hospital.envelope("9102", given))
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        (name,) = archive.namelist()
        return [line.split("\t") for line in archive.read(name).decode().splitlines()]


def test_details_list_the_differences_and_nothing_else(hospital: Hospital) -> None:
    info = sold(hospital)
    msgid = hospital.last_msgid
    line = [info[name] for name in ("setl_id", "mdtrt_id", "psn_no", *SUMS)] + ["0"]
    columns = [field.name for field in CATALOGUE["3202"].files.node("result").fields]
    assert differences(hospital, info, [line]) == []
    (missing,) = differences(hospital, info, [])
    row = dict(zip(columns, missing, strict=True))
    assert (row["msgid"], row["setl_id"]) == (msgid, info["setl_id"])
    (other,) = differences(hospital, info, [[*line[:3], "1.00", *line[4:]]])
    assert dict(zip(columns, other, strict=True))["medfee_sumamt"] == info["medfee_sumamt"]
    (unknown,) = differences(hospital, info, [line, ["S404", *line[1:]]])
    row = dict(zip(columns, unknown, strict=True))
    assert (row["setl_id"], row["memo"]) == ("S404", "中心无此结算")


def test_a_settlement_list_comes_back_with_its_parts(hospital: Hospital) -> None:
    given = example_input(CATALOGUE["4101A"])
    given["setlinfo"] |= {"psn_no": hospital.patient.psn_no, "setl_id": "S1", "medcasno": "M77"}
    number = hospital.ask("4101A", given)["setl_list_id"]
    assert number
    asked = {"data": {"psn_no": hospital.patient.psn_no, "setl_id": "S1"}}
    told = hospital.ask("4103", asked)
    assert told["setlinfo"]["medcasno"] == "M77"
    assert len(told["diseinfo"]) == len(given.get("diseinfo", []))


def test_a_visit_of_somebody_who_pays_himself_comes_back_in_three_books(hospital: Hospital) -> None:
    given = example_input(CATALOGUE["4205"])
    for row in (given["mdtrtinfo"], *given["diseinfo"], *given["feedetail"]):
        row["fixmedins_mdtrt_id"] = "OWN1"
    hospital.ask("4205", given)
    paging = {"page_num": "1", "page_size": "10"}
    asked = {"fixmedins_mdtrt_id": "OWN1", "fixmedins_code": hospital.code} | paging
    for infno, count in (("4207", len(given["feedetail"])), ("4209", len(given["diseinfo"]))):
        told = hospital.ask(infno, asked)
        assert (len(told["data"]), told["recordCounts"]) == (count, str(count)), infno
        assert {row["fixmedinsMdtrtId"] for row in told["data"]} == {"OWN1"}
    nobody = hospital.ask("4207", asked | {"fixmedins_mdtrt_id": "OWN2"})
    assert (nobody["data"], nobody["recordCounts"]) == ([], "0")


def test_trace_codes_of_a_sale_are_found_by_code(hospital: Hospital) -> None:
    given = example_input(CATALOGUE["3505"])
    given["selinfo"] |= {"psn_no": "", "drugtracinfo": [{"drug_trac_codg": "T" + "1" * 19}]}
    hospital.ask("3505", given)
    asked = {"fixmedins_code": hospital.code, "drug_trac_codg": "T" + "1" * 19}
    days = {"begndate": "2024-01-01", "enddate": "2024-12-31"}
    bchno = {"fixmedins_bchno": given["selinfo"]["fixmedins_bchno"]}
    (row,) = hospital.ask("3513", {"data": asked | days | bchno})
    assert row["drugTracCodg"] == "T" + "1" * 19
    other = asked | days | bchno | {"drug_trac_codg": "T" + "2" * 19}
    assert hospital.ask("3513", {"data": other}) == []
