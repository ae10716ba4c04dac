"""The broker's management HTTP API, as far as provisioning needs it.

The administrator's password goes over this line, so it is TLS under a pinned or the system's
authority, or loopback; nothing is sent otherwise.
"""

import ipaddress
from typing import Any, NoReturn, Self
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from bus.broker.errors import BrokerRefusedError, BrokerUnreachableError
from bus.config.faults import SettingsError
from bus.tls import advice, client_context

CALL_S = 20.0
"""One call. A cluster takes seconds to take in definitions."""
ANSWER_BYTES_MAX = 64 * 1024 * 1024
"""The definitions of a node that serves others too; more is not a broker's answer."""
WORDS_BYTES_MAX = 300
"""Of a refusal, for people."""


class Management:
    """One administrator's view of a node. Close it, or use it as a context."""

    def __init__(self, url: str, user: str, password: str, ca_file: str = "") -> None:
        """``SettingsError`` when ``url`` would carry the password in the clear, or the authority
        cannot be read."""
        self._place = url.rstrip("/")
        _check_line(self._place)
        self._client = httpx.Client(
            auth=httpx.BasicAuth(user.encode(), password.encode()),
            verify=client_context(ca_file),
            trust_env=False,
            follow_redirects=False,
            timeout=CALL_S,
        )
        self._user = user

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def definitions(self) -> dict[str, Any]:
        """Everything that is declared on the node, all virtual hosts. Raises as ``import_``."""
        said = self._call("GET", "/api/definitions")
        try:
            found = msgspec.json.decode(said, type=dict[str, Any])
        except msgspec.DecodeError:
            self._stranger()
        if not isinstance(found.get("users"), list) or not isinstance(found.get("vhosts"), list):
            self._stranger()
        return found

    def import_(self, document: dict[str, Any]) -> None:
        """Create or overwrite what is in ``document``. ``BrokerUnreachableError``,
        ``BrokerRefusedError``."""
        self._call("POST", "/api/definitions", document)

    def clear(self, user: str, vhost: str) -> None:
        """Take a user's rights on a virtual host away, topic permissions included."""
        rest = f"{quote(vhost, safe='')}/{quote(user, safe='')}"
        for kind in ("topic-permissions", "permissions"):
            self._call("DELETE", f"/api/{kind}/{rest}")

    def _call(self, method: str, path: str, content: object = None) -> bytes:
        body = None if content is None else msgspec.json.encode(content)
        headers = {"content-type": "application/json"}
        url = self._place + path
        try:
            with self._client.stream(method, url, content=body, headers=headers) as answer:
                said = self._read(answer)
        except httpx.HTTPError as error:
            what = f"no management API at {self._place}: {advice(error) or error}"
            raise BrokerUnreachableError(what) from None
        if answer.status_code in (401, 403):
            raise BrokerRefusedError(
                f"the management API at {self._place} refuses {self._user}: wrong password, or the "
                "user has not the tag administrator"
            )
        gone = answer.status_code == 404 and method == "DELETE"
        if answer.status_code >= 300 and not gone:
            words = said[:WORDS_BYTES_MAX].decode("utf-8", "replace")
            raise BrokerRefusedError(
                f"the management API at {self._place} answers {answer.status_code}: {words}"
            )
        return said

    def _read(self, answer: httpx.Response) -> bytes:
        """The whole answer, within the bound."""
        whole = bytearray()
        for part in answer.iter_bytes():
            whole += part
            if len(whole) > ANSWER_BYTES_MAX:
                raise BrokerRefusedError(
                    f"{self._place} answers more than {ANSWER_BYTES_MAX} bytes"
                )
        return bytes(whole)

    def _stranger(self) -> NoReturn:
        raise BrokerUnreachableError(f"what answers at {self._place} is no management API")


def _check_line(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise SettingsError("--management takes https://host:15671, without user and password")
    if parts.scheme == "http" and not _loopback(parts.hostname):
        raise SettingsError(
            f"--management {url} would carry the administrator's password in the clear; "
            "use https, or run this on the broker's own machine with http://127.0.0.1:15672"
        )


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
