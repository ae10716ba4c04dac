"""What goes on the wire for each scheme and address shape, and what cannot be configured."""

import traceback
from pathlib import Path

import pytest

from bus.config.settings import GatewaySettings
from bus.gateway.build import build_gateway
from bus.gateway.port import Answered, GatewayCall, NeverSent
from bus.gateway.secret import GatewayConfigError, Secret, read_secret
from bus.gateway.signing import SCHEMES, Credentials, Draft, build_scheme, tif_signature
from tests.gateway.gateway_calls import MakeGateway, call
from tests.gateway.gateway_fault_server import FaultServer
from tests.gateway.gateway_manual_clock import ManualClock

SECRET = "SECRET-TOKEN"


@pytest.fixture
def secret_file(tmp_path: Path) -> str:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n", "utf-8")
    return str(path)


def headers_of(head: bytes) -> dict[str, str]:
    lines = head.decode("ascii").split("\r\n")[1:-2]
    pairs = (line.split(": ", 1) for line in lines)
    return {name.lower(): value for name, value in pairs}


def test_the_tif_signature_is_that_of_the_published_vector() -> None:
    assert tif_signature("1700000000", "0123456789abcdef", SECRET) == (
        "8f24855ad5addd0743c36509d8d42631ca34181b47070625701209650951a25b"
    )


async def test_the_tif_scheme_adds_four_headers_and_leaves_the_body_alone() -> None:
    scheme = build_scheme("tif", Credentials(account="PAAS", secret=Secret(SECRET)))
    draft = Draft(infno="2207", body=b"{}", now_ms=1_700_000_000_999, nonce="0123456789abcdef")
    signed = await scheme.sign(draft)
    assert dict(signed.headers) == {
        b"x-tif-paasid": b"PAAS",
        b"x-tif-timestamp": b"1700000000",
        b"x-tif-nonce": b"0123456789abcdef",
        b"x-tif-signature": b"8f24855ad5addd0743c36509d8d42631ca34181b47070625701209650951a25b",
    }
    assert signed.body == b"{}"


async def test_the_signed_headers_arrive_and_no_nonce_is_used_twice(
    make_gateway: MakeGateway, server: FaultServer, secret_file: str
) -> None:
    gateway = make_gateway(
        scheme="tif", account="PAAS", secret_file=secret_file, clock=ManualClock()
    )
    for number in range(3):
        assert isinstance(await gateway.call(call(number)), Answered)
    seen = [headers_of(head) for head in server.heads]
    assert len({headers["x-tif-nonce"] for headers in seen}) == 3
    for headers in seen:
        expected = tif_signature("1700000000", headers["x-tif-nonce"], SECRET)
        assert headers["x-tif-signature"] == expected
        assert headers["content-type"] == "application/json;charset=UTF-8"
        assert headers["host"] == f"127.0.0.1:{server.port}"
        assert "SECRET" not in str(headers)


async def test_the_apikey_scheme_sends_the_key(
    make_gateway: MakeGateway, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_KEY", "k-123")
    gateway = make_gateway(scheme="apikey", secret_env="GATEWAY_KEY")
    assert isinstance(await gateway.call(call()), Answered)
    assert headers_of(server.heads[0])["apikey"] == "k-123"


@pytest.mark.parametrize(
    ("shape", "line"),
    [
        ("single", b"POST /fsi HTTP/1.1\r\n"),
        ("infno", b"POST /fsi/2207 HTTP/1.1\r\n"),
        ("table", b"POST /fsi/out/saveV2 HTTP/1.1\r\n"),
    ],
)
async def test_each_address_shape_posts_where_it_should(
    make_gateway: MakeGateway, server: FaultServer, shape: str, line: bytes
) -> None:
    gateway = make_gateway(paths=shape, path_table={"2207": "/out/saveV2"})
    assert isinstance(await gateway.call(call()), Answered)
    assert server.heads[0].startswith(line)


async def test_a_transaction_without_a_path_is_never_sent_and_not_retried(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    gateway = make_gateway(paths="table", path_table={"2207": "/out/saveV2"})
    outcome = await gateway.call(call(infno="9999"))
    assert isinstance(outcome, NeverSent)
    assert (outcome.reason, outcome.retryable) == ("config", False)
    gateway = make_gateway(paths="infno")
    assert isinstance(await gateway.call(call(infno="../2208")), NeverSent)
    assert server.connections == 0


async def test_the_environment_cannot_bring_in_a_proxy(
    make_gateway: MakeGateway, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert isinstance(await make_gateway().call(call()), Answered)
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "ftp://centre/"}, "http://host"),
        ({"url": "http://"}, "http://host"),
        ({"url": "http://user:pw@centre/"}, "must not hold a user"),
        ({"url": "http://centre/?key=1"}, "must not hold a user, a query"),
        ({"url": "http://centre/", "ca_file": "/nowhere.pem"}, "not https"),
        ({"url": "https://centre/", "ca_file": "/nowhere.pem"}, "ca_file"),
        ({"scheme": "morse"}, "none of apikey, none, tif"),
        ({"scheme": "tif", "account": "A"}, "needs secret_file"),
        ({"scheme": "tif", "secret_env": "GATEWAY_KEY"}, "needs account"),
        ({"scheme": "apikey", "secret_env": "NOT_SET_ANYWHERE"}, "no NOT_SET_ANYWHERE"),
        ({"scheme": "apikey", "secret_env": "A", "secret_file": "b"}, "both set"),
        ({"scheme": "apikey", "secret_file": "/nowhere"}, "/nowhere"),
        ({"paths": "maze"}, "none of single, infno, table"),
        ({"paths": "table"}, "no path table"),
        ({"transport": "pigeon"}, "none of aiohttp, httptools"),
        ({"driver": "dll"}, "none of http"),
    ],
)
def test_settings_that_cannot_work_are_named(
    changes: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_KEY", "k-123")
    settings = GatewaySettings(**{"url": "http://centre/", **changes})  # type: ignore[arg-type] # texts only
    with pytest.raises(GatewayConfigError) as caught:
        build_gateway("centre", settings, {}, ManualClock())
    assert "gateway centre: " in str(caught.value)
    assert words in str(caught.value)
    assert "k-123" not in str(caught.value)


def test_a_secret_shows_itself_nowhere(secret_file: str) -> None:
    secret = read_secret(file=secret_file, env="")
    credentials = Credentials(account="PAAS", secret=secret)
    shown = [repr(secret), str(secret), f"{secret}", repr(credentials)]
    shown += [repr(build_scheme(name, credentials)) for name in SCHEMES]
    assert SECRET not in "".join(shown)
    assert secret.reveal() == SECRET


@pytest.mark.parametrize("text", ["", "  \n", "two\nlines", "key\x00", "k\xe9y"])
def test_a_secret_that_cannot_be_a_header_is_refused_without_showing_it(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "secret"
    path.write_text(text, "utf-8")
    with pytest.raises(GatewayConfigError) as caught:
        build_scheme("apikey", Credentials(account="", secret=read_secret(file=str(path), env="")))
    shown = "".join(traceback.format_exception(caught.value))
    assert "two\nlines" not in shown
    assert "k\xe9y" not in shown


def test_a_call_and_an_answer_show_no_body() -> None:
    shown = repr(
        [
            GatewayCall(tenant="H", infno="2207", msgid="m", body=b"530102199001", deadline_s=1),
            Answered(http_status=200, content_type="x", body=b"530102199001"),
        ]
    )
    assert "530102199001" not in shown
