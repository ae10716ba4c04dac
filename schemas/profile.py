"""Regional profiles: what one place does differently from the national specification, as data.

``data/profiles/<name>.toml`` names the profile it ``inherits`` and holds only the differences:
tables are merged key by key, ``changes`` are added to the inherited ones, anything else is
replaced, and ``replace = ["paths"]`` drops what is inherited first. An institution's overrides
have the same form and come last.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from schemas.data_files import Table, names, read
from schemas.faulty_data import CatalogueError


class UnknownProfileError(KeyError):
    """No profile of that name; ``str()`` names those there are."""

    def __str__(self) -> str:
        return f"no profile {self.args[0]!r}; there are: {', '.join(names('profiles'))}"


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """0 means no limit."""

    request_bytes_max: int
    """Bytes of the whole envelope; the place refuses more."""
    input_chars_max: int
    """Characters of ``input`` as JSON text."""
    centre_timeout_s: int
    """Seconds after which the centre gives a call up; before that, silence proves nothing."""


class Texts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parts of the centre's texts by meaning; one match is enough."""

    already_done: tuple[str, ...] = ()
    not_found: tuple[str, ...] = ()
    nothing_to_reverse: tuple[str, ...] = ()
    stale_sign_in: tuple[str, ...] = ()
    signed_out_today: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()


class IdentityRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With this credential ``check``, for the same person, comes before each of ``before``."""

    mdtrt_cert_type: str
    check: str
    before: tuple[str, ...]


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Columns of fields that differ in ``infnos``. A line with a label adds a field to ``node``.
    ``single``: a list ``node`` of one row is sent as an object."""

    infnos: tuple[str, ...]
    fields: dict[str, str] = {}
    part: str = "input"
    node: str = ""
    single: bool = False


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One region, everything inherited already in place."""

    name: str
    title: str
    infver: str
    recer_sys_code: str
    mdtrtarea: str = ""
    """Default of ``mdtrtarea_admvs``; an institution sets its own."""
    limits: Limits
    texts: Texts
    fund_includes_acct: bool
    """Whether ``fund_pay_sumamt`` includes ``acct_pay``."""
    reversible: tuple[str, ...]
    """What 2601 may reverse."""
    token_life_s: int
    """Seconds an e-voucher token lives."""
    check_before_settle: tuple[IdentityRule, ...] = ()
    header_required: tuple[str, ...] = ()
    """Head fields that must not be empty."""
    insuplc_with_psn_no: bool = False
    """Whether the head must name ``insuplc_admdvs`` in every call whose input holds ``psn_no``."""
    insuplc_required: tuple[str, ...] = ()
    """Transactions whose head must name ``insuplc_admdvs``."""
    absent: tuple[str, ...] = ()
    """Transactions that do not exist here."""
    regions: tuple[str, ...] = ()
    """Places whose extensions exist here; ``*`` stands for all."""
    editions: tuple[str, ...] = ()
    """Numbers that have another meaning here, as ``number@edition``."""
    where: dict[str, str] = {}
    recovery: dict[str, str] = {}
    lane: dict[str, str] = {}
    rows_max: dict[str, int] = {}
    input_chars: dict[str, int] = {}
    paths: dict[str, str] = {}
    changes: tuple[Change, ...] = ()
    codes: dict[str, dict[str, Any]] = {}

    def path(self, infno: str) -> str:
        """The URL path of a transaction below the base address; ``*`` stands for all others."""
        return self.paths.get(infno) or self.paths.get("*", "")


def load_profile(name: str, overrides: Mapping[str, Any] | None = None) -> Profile:
    """The profile of that name with an institution's overrides. ``UnknownProfileError``,
    ``CatalogueError``."""
    table = _resolved(name, ())
    file = f"profiles/{name}.toml"
    if overrides:
        table, file = _merged(table, dict(overrides)), f"{file} with overrides"
    try:
        return msgspec.convert({**table, "name": name}, Profile)
    except msgspec.ValidationError as error:
        raise CatalogueError(file, "", str(error)) from error


def _resolved(name: str, below: tuple[str, ...]) -> Table:
    if name not in names("profiles"):
        raise UnknownProfileError(name)
    file = f"profiles/{name}.toml"
    if name in below:
        raise CatalogueError(file, "inherits", "goes round in a circle")
    table = dict(read(file))
    parent = table.pop("inherits", None)
    if parent is None:
        table.pop("replace", None)
        return table
    return _merged(_resolved(parent, (*below, name)), table)


def _merged(base: Table, over: Table) -> Table:
    over = dict(over)
    replaced = over.pop("replace", [])
    out = {key: value for key, value in base.items() if key not in replaced}
    for key, value in over.items():
        if key == "changes" and isinstance(value, list):
            out[key] = [*out.get(key, []), *value]
            continue
        both = isinstance(value, Mapping) and isinstance(out.get(key), Mapping)
        out[key] = _merged(dict(out[key]), dict(value)) if both else value
    return out
