"""Refusals about kept rows and files: transactions without rules of their own."""

import base64

from sandbox.general.files import zipped
from tests.sandbox.sandbox_hospital import Hospital, Json
from tests.sandbox.sandbox_provocations import runs_into

DAY_S = 86_400
DEPARTMENT = {"deptinfo": {"hosp_dept_codg": "A03", "caty": "A03", "begntime": "2024-03-01"}}


def uploaded(hospital: Hospital, content: str, owner: str = "") -> Json:
    """9101."""
    told = {"in": content, "filename": "a.zip", "fixmedins_code": owner or hospital.code}
    handle: Json = hospital.ask("9101", {"fsUploadIn": told})
    return handle


def fetch(hospital: Hospital, handle: Json, **changed: str) -> None:
    """9102, which must be refused: bytes cannot be read as an answer."""
    names = ("file_qury_no", "filename", "fixmedins_code")
    told = {name: handle[name] for name in names} | changed
    hospital.ask("9102", {"fsDownloadIn": told})


ZIP = base64.b64encode(zipped("a.txt", [["1", "2"]])).decode()


@runs_into("record_repeated")
def a_department_twice(hospital: Hospital) -> None:
    hospital.ask("3401", DEPARTMENT)
    hospital.ask("3401", DEPARTMENT)


@runs_into("record_unknown")
def a_change_of_what_is_not_there(hospital: Hospital) -> None:
    hospital.ask("3402", DEPARTMENT)


@runs_into("record_unknown")
def a_return_of_what_was_never_bought(hospital: Hospital) -> None:
    hospital.ask("3504", {"purcinfo": {"fixmedins_bchno": "B404"}})


@runs_into("record_unknown")
def a_withdrawal_that_names_nothing(hospital: Hospital) -> None:
    hospital.ask("3401", DEPARTMENT)
    hospital.ask("3403", {"data": {"memo": "1"}})


@runs_into("record_dates")
def a_department_that_ends_before_it_begins(hospital: Hospital) -> None:
    ends = {"begntime": "2024-03-02", "endtime": "2024-03-01"}
    hospital.ask("3401", {"deptinfo": DEPARTMENT["deptinfo"] | ends})


@runs_into("file_content")
def an_upload_that_is_no_zip(hospital: Hospital) -> None:
    uploaded(hospital, "AAAA")


@runs_into("file_content")
def an_upload_that_is_no_base64(hospital: Hospital) -> None:
    uploaded(hospital, "{}")


@runs_into("file_content")
def lines_with_too_few_columns(hospital: Hospital) -> None:
    window = {"stmt_begndate": "2024-03-01", "stmt_enddate": "2024-03-01"}
    handle = uploaded(hospital, ZIP)
    hospital.ask("3202", {"data": window | {"file_qury_no": handle["file_qury_no"]}})


@runs_into("file_unknown")
def a_file_nobody_made(hospital: Hospital) -> None:
    fetch(hospital, {"file_qury_no": "1", "filename": "a", "fixmedins_code": "plc"})


@runs_into("file_unknown")
def a_file_by_another_name(hospital: Hospital) -> None:
    fetch(hospital, uploaded(hospital, ZIP), filename="b.zip")


@runs_into("file_owner")
def a_file_of_the_institution_as_plc(hospital: Hospital) -> None:
    fetch(hospital, uploaded(hospital, ZIP), fixmedins_code="plc")


@runs_into("file_expired", place="own_hospital")
def a_file_after_its_time(hospital: Hospital) -> None:
    given = {"data": {"ver": "0"}}
    handle = hospital.ask("1301", given) | {"fixmedins_code": "plc"}
    hospital.centre.shift(DAY_S + 1)
    hospital.sign_in()
    fetch(hospital, handle)
