"""The gateway in front of the centre: who may call at all. Schemes none, apikey and tif.

tif: lower hex SHA-256 of timestamp + secret + nonce + timestamp, timestamp in unix seconds; the
body is not covered.
"""

import hashlib
import hmac
from collections.abc import Mapping

import msgspec


class Scheme(msgspec.Struct, frozen=True, kw_only=True):
    """``name``: none, apikey or tif."""

    name: str = "none"
    account: str = ""
    secret: str = ""
    skew_s: int = 1800

    def fault(self, headers: Mapping[str, str], now_s: float) -> str:
        """Why the gateway turns the call away, or an empty text."""
        if self.name == "apikey":
            return "" if _same(headers.get("apikey", ""), self.secret) else "非法用户!"
        if self.name == "tif":
            return self._tif(headers, now_s)
        return ""

    def _tif(self, headers: Mapping[str, str], now_s: float) -> str:
        names = ("x-tif-paasid", "x-tif-timestamp", "x-tif-nonce", "x-tif-signature")
        account, stamp, nonce, signature = (headers.get(name, "") for name in names)
        if not (account and stamp and nonce and signature):
            return "缺少服务网关的请求头!"
        if not _same(account, self.account):
            return "非法用户!"
        if not (stamp.isascii() and stamp.isdigit()) or abs(int(stamp) - now_s) > self.skew_s:
            return "签名时间戳超时!"
        text = f"{stamp}{self.secret}{nonce}{stamp}"
        wanted = hashlib.sha256(text.encode()).hexdigest()
        return "" if _same(signature, wanted) else "签名不一致!"


def _same(told: str, wanted: str) -> bool:
    return hmac.compare_digest(told.encode(), wanted.encode())
