"""One transaction as a region has it: its facts, and how its messages are checked and coded."""

from collections.abc import Callable
from enum import StrEnum
from functools import cached_property

import msgspec

from schemas.codes import CodeTables
from schemas.compiler import compile_check, compile_listed
from schemas.contract import Fault, Json
from schemas.decoding import compile_decode
from schemas.encoding import compile_dress, compile_full, compile_ready, needles
from schemas.export import message_schema
from schemas.jsontext import JsonTextError, decode, encode
from schemas.nodes import Node
from schemas.problems import fault
from schemas.walker import list_faults, list_warnings


class Effect(StrEnum):
    """What a call does at the centre."""

    QUERY = "query"
    WRITE = "write"
    SETTLE = "settle"
    CANCEL = "cancel"
    REVERSE = "reverse"
    FILE = "file"
    SESSION = "session"


MONEY = frozenset({Effect.SETTLE, Effect.CANCEL, Effect.REVERSE})


class Recovery(StrEnum):
    """The way out when the outcome of a call is unknown."""

    REPEAT = "repeat"
    """Send again; "already done" is success."""
    REVERSE = "reverse"
    """2601, then proof."""
    VERIFY = "verify"
    """Ask the queries of ``look``, then decide."""
    ESCALATE = "escalate"
    """Hold for a person."""


class Lane(StrEnum):
    """Which queue a request waits in."""

    CALL = "call"
    """One of its own, for all tenants."""
    BULK = "bulk"
    """One per tenant."""
    DESK = "desk"
    """The desk's."""
    SHARED = "shared"
    """The one queue of all that is rarely asked for (see ``bus.topology``)."""


class Where(StrEnum):
    """Who answers; what nobody answers for us is known but never taken from a HIS."""

    CENTRE = "centre"
    DESK = "desk"
    """The cashier's desk."""
    INBOUND = "inbound"
    """The institution: the centre is the one that asks."""
    COMPONENT = "component"
    """A province's own server, asked by its component at the desk."""


class Line(StrEnum):
    """A business line of the Yunnan guide, section 4."""

    CLINIC = "clinic"
    PHARMACY = "pharmacy"
    OUTPATIENT = "outpatient"
    INPATIENT = "inpatient"
    INVENTORY = "inventory"


class Grade(StrEnum):
    """How much a business line needs a transaction."""

    MUST = "1"
    NOT_IN_PHARMACIES = "2"
    """Hospitals and clinics must."""
    OPTIONAL = "o"
    """When the institution does that business."""


class Confidence(StrEnum):
    """How sure the fields are: two editions agree, one says so, or a name is all there is."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A transaction's line in ``classification.toml`` and the head of its section in a chapter.

    ``look``: the queries that find the truth. ``region``: the place whose extension it is; empty
    for the national ones. ``row_node``: the list that may be split over several calls, at most
    ``rows_max`` rows each (0: no limit of rows); rows with the same ``together`` stay in one.
    ``input_chars``: characters its input may have where that is more than the profile allows.
    ``origin``: the editions its fields are from (``editions.toml``)."""

    name: str
    name_en: str
    group: str
    where: Where
    effect: Effect
    recovery: Recovery
    confidence: Confidence
    origin: tuple[str, ...]
    lines: dict[Line, Grade]
    lane: Lane = Lane.CALL
    look: tuple[str, ...] = ()
    needs_sign_in: bool = True
    rows_max: int = 0
    row_node: str = ""
    together: str = ""
    input_chars: int = 0
    region: str = ""
    notes: tuple[str, ...] = ()


BYTES_PER_CHAR_MAX = 16
"""An input of more bytes than this per character allowed is refused unread: an escaped character
takes 6, the rest is room for indentation. Reading megabytes would hold up every other request."""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A decoded input and all that is wrong with it. ``input`` is ``{}`` when it is no JSON."""

    input: Json
    faults: tuple[Fault, ...] = ()

    def __repr__(self) -> str:
        """Without the input, which identifies a person."""
        return f"Checked({len(self.faults)} faults)"


class Transaction(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """``inputs`` and ``outputs`` are the root nodes; ``files`` has one node per text file that goes
    with them, its fields in the order of the columns. ``claims_visit``: one such call per visit at
    a time. ``input_chars_max`` (characters of the input) 0: no limit. ``edition`` is empty but
    where a number means something else in another one. For the rest see ``Facts``."""

    infno: str
    edition: str
    name: str
    name_en: str
    group: str
    where: Where
    effect: Effect
    recovery: Recovery
    lane: Lane
    look: tuple[str, ...]
    claims_visit: bool
    needs_sign_in: bool
    rows_max: int
    row_node: str
    together: str
    input_chars_max: int
    region: str
    lines: dict[Line, Grade]
    confidence: Confidence
    origin: tuple[str, ...]
    notes: tuple[str, ...]
    inputs: Node
    outputs: Node
    files: Node
    codes: CodeTables
    profile_name: str

    @property
    def listed(self) -> bool:
        """Known by number and name only: its messages pass through unvalidated."""
        roots = (self.inputs, self.outputs, self.files)
        return not any(node.fields for root in roots for _, node in root.walk())

    def check(self, raw: bytes) -> Checked:
        """Decode and check the bytes of an ``input``. Never raises for what is in them."""
        limit = self.input_chars_max
        if limit and len(raw) > limit * BYTES_PER_CHAR_MAX:
            return Checked(input={}, faults=(_too_long(limit),))
        try:
            value = decode(raw)
        except JsonTextError as error:
            return Checked(input={}, faults=(fault("$.input", error.reason),))
        if not self._is_sound(value):
            return Checked(input=value, faults=self._listed(value))
        if limit and len(raw) > limit:
            return Checked(input=value, faults=self._oversize(value))
        return Checked(input=value)

    def faults(self, value: Json) -> tuple[Fault, ...]:
        """All faults of a decoded input; fractions as ``Decimal`` or text, never float."""
        return () if self.accepts(value) else self._listed(value) or self._oversize(value)

    def accepts(self, value: Json) -> bool:
        """Whether a decoded input has no fault at all."""
        return self._is_sound(value) and not self._oversize(value)

    def warnings(self, value: Json) -> tuple[Fault, ...]:
        """Values of an input without faults that open code tables do not list."""
        return () if self._is_listed(value) else list_warnings(self.inputs, value, self.codes)

    def encode_input(self, value: Json) -> bytes:
        """Compact JSON of an input without faults: an empty number is ``"0"``, any other empty
        value ``""``, a decimal text with its digits, one row for a list a list."""
        if self._is_ready(value):
            text = encode(value)
            if self._is_full(value) or not self._may_hold_empties(text):
                return text
        return encode(self._dress(value))

    def decode_output(self, value: Json) -> Json:
        """The normal form of a decoded ``output``; never refuses. See ``schemas.decoding``."""
        return self._normal(value)

    def json_schema(self, part: str = "") -> dict[str, Json]:
        """JSON Schema 2020-12 of ``{"input": ..., "output": ...}``, or of one part."""
        return message_schema(self, part)

    def _oversize(self, value: Json) -> tuple[Fault, ...]:
        limit = self.input_chars_max
        if not limit:
            return ()
        text = self.encode_input(value)
        if len(text) <= limit or len(text.decode("utf-8")) <= limit:
            return ()
        return (_too_long(limit),)

    def _listed(self, value: Json) -> tuple[Fault, ...]:
        return list_faults(self.inputs, value, self.codes)

    @cached_property
    def _is_sound(self) -> Callable[[Json], bool]:
        return compile_check(self.inputs, self.codes)

    @cached_property
    def _is_listed(self) -> Callable[[Json], bool]:
        return compile_listed(self.inputs, self.codes)

    @cached_property
    def _dress(self) -> Callable[[Json], Json]:
        return compile_dress(self.inputs)

    @cached_property
    def _is_ready(self) -> Callable[[Json], bool]:
        return compile_ready(self.inputs)

    def _may_hold_empties(self, text: bytes) -> bool:
        """Whether a null or an empty number may be in it: a look at the text costs less than one
        at every value."""
        if b"null" in text:
            return True
        return b'":""' in text and any(needle in text for needle in self._needles)

    @cached_property
    def _is_full(self) -> Callable[[Json], bool]:
        return compile_full(self.inputs)

    @cached_property
    def _needles(self) -> tuple[bytes, ...]:
        return needles(self.inputs)

    @cached_property
    def _normal(self) -> Callable[[Json], Json]:
        return compile_decode(self.outputs)


def _too_long(limit: int) -> Fault:
    return fault("$.input", "input_too_long", "交易输入", str(limit))
