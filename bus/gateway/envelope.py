"""The centre's request envelope as bytes. Pure.

Fields and their order are those of the specification's request table (交易报文信封).
"""

import msgspec

from bus.clock import centre_second


class EnvelopeHead(msgspec.Struct, frozen=True, kw_only=True):
    """Every header field, in the order it is sent. What is empty is sent as ``""``."""

    infno: str
    msgid: str
    """fixmedins_code (12) + yyyyMMddHHmmss (14) + number (4); kept as omsgid for 2601."""
    mdtrtarea_admvs: str
    insuplc_admdvs: str = ""
    recer_sys_code: str
    dev_no: str = ""
    dev_safe_info: str = ""
    cainfo: str = ""
    signtype: str = ""
    infver: str
    opter_type: str
    opter: str
    opter_name: str
    inf_time: str
    """yyyy-MM-dd HH:mm:ss on the centre's clock: see ``inf_time``."""
    fixmedins_code: str
    fixmedins_name: str
    sign_no: str = ""
    enc_type: str | msgspec.UnsetType = msgspec.UNSET
    """Known to one province only, so left out unless set."""

    def __repr__(self) -> str:
        return f"EnvelopeHead({self.infno} {self.msgid})"


_encoder = msgspec.json.Encoder()


def inf_time(now_ms: int) -> str:
    """The instant as the envelope wants it (交易时间)."""
    return centre_second(now_ms)


def build_envelope(head: EnvelopeHead, input_json: bytes) -> bytes:
    """The bytes to send: the head's fields, then ``input`` as the JSON object it already is.

    ``input_json`` comes from the catalogue's encoder and is not read again; ``ValueError`` when it
    does not even look like an object.
    """
    if not (input_json[:1] == b"{" and input_json[-1:] == b"}"):
        raise ValueError("input is not an encoded JSON object")
    return b'%b,"input":%b}' % (_encoder.encode(head)[:-1], input_json)
