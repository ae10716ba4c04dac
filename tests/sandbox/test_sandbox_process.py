"""The process itself: ready line, stop, survival of kill -9, gateway schemes, the admin address."""

import hashlib
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.sandbox.sandbox_hospital import Hospital, Json
from tests.sandbox.sandbox_outpatient import Outpatient, purchase
from tests.sandbox.sandbox_process import CentreProcess, until


def test_the_ready_line_names_both_ports_and_sigterm_stops_cleanly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sandbox", "--data", str(tmp_path / "books")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = msgspec.json.decode(process.stdout.readline())
        assert line["port"] != line["admin_port"]
        assert httpx.get(f"http://127.0.0.1:{line['port']}/").status_code == 405
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_sigterm_does_not_wait_for_silent_calls(tmp_path: Path) -> None:
    with CentreProcess(tmp_path / "books") as centre, Hospital(centre) as hospital:
        hospital.receive("employee")
        hospital.fault("9001", "timeout_before_commit")
        hospital.patience(0.3)
        with pytest.raises(httpx.ReadTimeout):
            hospital.sign_in()
        hospital.fault("9001", "late_commit", after_s=3600)
        with pytest.raises(httpx.ReadTimeout):
            hospital.sign_in()
        assert centre.stop() == 0


def test_two_sandboxes_cannot_have_one_port(tmp_path: Path) -> None:
    with CentreProcess(tmp_path / "books") as centre:
        command = [sys.executable, "-m", "sandbox", "--data", str(tmp_path / "more")]
        command += ["--port", str(centre.port)]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode == 2
        assert b"cannot start" in done.stderr


def test_a_scheme_without_its_secret_does_not_start(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sandbox", "--data", str(tmp_path), "--scheme", "tif"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 2


def test_what_was_committed_survives_kill_9(tmp_path: Path) -> None:
    with CentreProcess(tmp_path / "books") as centre, Hospital(centre) as hospital:
        hospital.receive("employee")
        hospital.sign_in()
        visit = Outpatient(hospital)
        visit.until_forecast()
        hospital.fault("2207", "commit_then_hang")
        hospital.patience(0.5)
        with pytest.raises(httpx.ReadTimeout):
            visit.settle()
        lost = hospital.last_msgid
        until(lambda: hospital.judgement(lost)["committed"])
        account = hospital.account()
        centre.kill()
        centre.start()
        judged = hospital.judgement(lost)
        assert judged["committed"]
        assert judged["live"]
        assert hospital.account() == account
        assert hospital.centre.get("books/events")[-1]["fault"] == "commit_then_hang"
        with pytest.raises(Exception, match="重复"):
            hospital.ask("2102", purchase(hospital), msgid=lost)
        hospital.ask("2102", purchase(hospital))


def test_the_shifted_clock_survives_a_restart(tmp_path: Path) -> None:
    with CentreProcess(tmp_path / "books") as centre:
        centre.post("clock", set="2031-05-06 07:08:09")
        centre.stop()
        centre.start()
        assert centre.get("clock")["now"].startswith("2031-05-06 07:0")


def test_the_day_change_ends_a_sign_in_and_a_new_one_is_given(own_hospital: Hospital) -> None:
    first = own_hospital.sign_no
    assert own_hospital.sign_in() == first
    own_hospital.centre.shift(86_400)
    assert own_hospital.sign_in() != first


def test_the_yearly_deductible_starts_again_in_the_new_year(own_hospital: Hospital) -> None:
    first = Outpatient(own_hospital, "OP1").until_settled()
    assert first["act_pay_dedc"] == "152.52"
    year = int(own_hospital.centre.get("clock")["now"][:4])
    own_hospital.centre.post("clock", set=f"{year + 1}-01-02 08:00:00")
    own_hospital.sign_in()
    second = Outpatient(own_hospital, "OP2").until_settled()
    assert second["act_pay_dedc"] == "152.52"


def tif(secret: str, stamp: int, account: str = "acct") -> dict[str, str]:
    """The headers of the tif scheme, written out here a second time."""
    text = f"{stamp}{secret}nonce-1{stamp}"
    return {
        "x-tif-paasid": account,
        "x-tif-timestamp": str(stamp),
        "x-tif-nonce": "nonce-1",
        "x-tif-signature": hashlib.sha256(text.encode()).hexdigest(),
    }


def test_the_published_vector_of_the_tif_signature() -> None:
    text = "1700000000" + "SECRET-TOKEN" + "0123456789abcdef" + "1700000000"
    expected = "8f24855ad5addd0743c36509d8d42631ca34181b47070625701209650951a25b"
    assert hashlib.sha256(text.encode()).hexdigest() == expected


def now_s(centre: CentreProcess) -> int:
    """The sandbox's time in unix seconds; its clock is not shifted."""
    assert centre.get("clock")["shift_s"] == 0
    return int(time.time())


@pytest.mark.parametrize("scheme", ["apikey", "tif"])
def test_a_gateway_scheme_turns_strangers_away(tmp_path: Path, scheme: str) -> None:
    options = ("--scheme", scheme, "--account", "acct", "--secret-env", "SBX_SECRET")
    books = tmp_path / "books"
    with (
        CentreProcess(books, *options, env={"SBX_SECRET": "s3cret"}) as centre,
        Hospital(centre) as hospital,
    ):
        body = msgspec.json.encode(hospital.envelope("1101", {"data": hospital.credential()}))
        stamp = now_s(centre)
        good = tif("s3cret", stamp) if scheme == "tif" else {"apikey": "s3cret"}
        bad: list[dict[str, str]] = [{}, {"apikey": "other"}, tif("other", stamp)]
        bad += [tif("s3cret", stamp - 7200), tif("s3cret", stamp, "else")]
        for headers in bad:
            assert hospital.post(body, headers=headers).json()["code"] == 401
        assert hospital.post(body, headers=good).json()["infcode"] == 0
        assert len(centre.get("books/calls")) == 1


def test_any_path_is_served_and_the_infno_decides(hospital: Hospital) -> None:
    body = msgspec.json.encode(hospital.envelope("1101", {"data": hospital.credential()}))
    for path in ("", "1101", "2207", "fsi/api/fsiPsnInfoService/queryPsnInfo"):
        assert hospital.post(body, path).json()["infcode"] == 0


def test_the_call_log_tells_what_happened_to_each_call(hospital: Hospital) -> None:
    hospital.ask("2102", purchase(hospital))
    committed = hospital.last_msgid
    hospital.raw("2102", purchase(hospital, medfee_sumamt="1"))
    rows = hospital.centre.get("books/calls", tenant=hospital.code)
    by_infno = {row["infno"]: row for row in rows}
    assert by_infno["9001"]["committed"]
    told = [(row["committed"], row["answered"], row["refusal"]) for row in rows]
    assert told[-2:] == [(True, True, ""), (False, True, "sum_mismatch")]
    assert rows[-2]["msgid"] == committed
    assert [row["n"] for row in rows] == sorted(row["n"] for row in rows)


def test_the_judgement_of_an_unknown_message_is_that_nobody_saw_it(hospital: Hospital) -> None:
    judged = hospital.judgement(hospital.msgid())
    assert judged["seen"] == 0
    assert not judged["committed"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("tokens", b'{"psn_no":"0"}'),
        ("tokens", b"garbage"),
        ("clock", b"{}"),
        ("people", b'{"psn_no":"1"}'),
        ("desk", b"{}"),
    ],
)
def test_the_admin_address_says_what_is_wrong(
    shared_centre: CentreProcess, path: str, body: bytes
) -> None:
    url = f"http://127.0.0.1:{shared_centre.admin_port}/{path}"
    response = httpx.post(url, content=body)
    assert response.status_code == 400
    assert response.json()["error"]


def test_a_book_nobody_keeps_is_named_as_such(shared_centre: CentreProcess) -> None:
    url = f"http://127.0.0.1:{shared_centre.admin_port}/books/secrets"
    assert "no book" in httpx.get(url).json()["error"]


def test_who_stands_at_the_desk_is_read_by_1191(hospital: Hospital) -> None:
    hospital.centre.post("desk", psn_no=hospital.patient.psn_no, tenant=hospital.code)
    card = hospital.ask("1191", {"data": {"mdtrt_cert_type": "02"}})["cardinfo"]
    assert card["certno"] == hospital.patient.certno
    given: Json = {
        "mdtrt_cert_type": "01",
        "businesstype": "01301",
        "operatorid": "0101",
        "operatorname": "收费员",
        "officeid": "D01",
        "officename": "内科",
    }
    token = hospital.ask("1191", {"data": given})["ecinfo"]["ectoken"]
    data: dict[str, Any] = {"mdtrt_cert_type": "01", "mdtrt_cert_no": token}
    found = hospital.ask("1101", {"data": data})["baseinfo"]
    assert found["psn_no"] == hospital.patient.psn_no
    hospital.ask("2102", purchase(hospital, mdtrt_cert_type="01", mdtrt_cert_no=token))
