"""The head of a call: its fields, their limits, and the check of the part a HIS supplies.

``input`` and ``output`` themselves belong to the transaction; their size limit to the profile.
"""

from collections.abc import Iterable, Mapping
from functools import cache

from schemas.contract import Fault, Json, RequestBody
from schemas.data_files import read
from schemas.fields import Field, parse_line
from schemas.problems import fault, limit_of
from schemas.profile import Profile
from schemas.values import is_empty, special_problem

CALLER_FIELDS = ("opter", "opter_name", "opter_type", "insuplc_admdvs")
"""What the body of a request brings along; the bus knows the rest."""


@cache
def head_fields() -> tuple[Field, ...]:
    """The fields of a call before ``input``, in the order they are written."""
    return _fields("request")


@cache
def answer_fields() -> tuple[Field, ...]:
    """The fields of an answer beside ``output``."""
    return _fields("answer")


def caller_faults(
    body: RequestBody, profile: Profile, *, names_person: bool = False
) -> tuple[Fault, ...]:
    """What is wrong with the head fields of a request's body; paths such as ``$.opter``.
    ``names_person``: its input holds ``psn_no``."""
    wanted = names_person and profile.insuplc_with_psn_no
    wanted = wanted or body.infno in profile.insuplc_required
    needed = ("insuplc_admdvs",) if wanted else ()
    held = [(field, getattr(body, field.name)) for field in _caller_fields()]
    return _faults(held, needed, profile)


def head_faults(head: Mapping[str, Json], profile: Profile) -> tuple[Fault, ...]:
    """What is wrong with a whole head, such as one built from an institution's settings."""
    return _faults([(field, head.get(field.name)) for field in head_fields()], (), profile)


@cache
def _caller_fields() -> tuple[Field, ...]:
    return tuple(field for field in head_fields() if field.name in CALLER_FIELDS)


def _faults(
    held: Iterable[tuple[Field, Json]], needed: tuple[str, ...], profile: Profile
) -> tuple[Fault, ...]:
    found = []
    for field, value in held:
        required = field.name in needed or field.name in profile.header_required
        problem = _problem(field, value, required)
        if problem:
            limit = str(field.length) if problem == "too_long" else limit_of(field)
            found.append(fault(f"$.{field.name}", problem, field.label, limit))
    return tuple(found)


def _problem(field: Field, value: Json, required: bool) -> str:
    if is_empty(value):
        return "missing" if required else ""
    special = special_problem(field)
    if special is not None:
        return special(value)
    if type(value) is not str:
        return "wrong_type"
    return "too_long" if len(value) > field.length else ""


def _fields(part: str) -> tuple[Field, ...]:
    return tuple(parse_line(name, line) for name, line in read("envelope.toml")[part].items())
