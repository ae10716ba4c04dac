"""The sandbox's tables of facts, read once from its data files."""

import tomllib
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from sandbox.refusals import RefusedError
from sandbox.rules.arithmetic import Item, Plan


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Figures of ``traits.toml`` with their unit in the name."""

    token_life_s: int
    verification_life_s: int
    rows_max: int
    request_bytes_max: int
    signature_skew_s: int


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """How transactions are treated: infno -> effect, and the lists."""

    effects: dict[str, str]
    read_only: frozenset[str]
    no_sign_in: frozenset[str]
    reversible: frozenset[str]
    limits: Limits


class SeedInsured(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One insurance of a person as seeded; amounts in yuan."""

    insutype: str
    psn_type: str
    insuplc_admdvs: str
    balc: Decimal = Decimal("0.00")
    mutual_aid: Decimal = Decimal("0.00")
    dedc_used: Decimal = Decimal("0.00")
    pooled: Decimal = Decimal("0.00")
    psn_insu_stas: str = "1"
    cvlserv_flag: str = "0"
    emp_name: str = ""


class SeedPerson(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One invented person; also the body of the admin call that adds one."""

    psn_no: str
    psn_name: str
    certno: str
    gend: str = "1"
    brdy: str = "1980-01-01"
    naty: str = "01"
    psn_cert_type: str = "01"
    card_no: str = ""
    card_sn: str = ""
    insured: tuple[SeedInsured, ...] = ()
    identities: tuple[dict[str, str], ...] = ()


class Institution(msgspec.Struct, frozen=True, kw_only=True):
    """One institution as 1201 tells it."""

    fixmedins_code: str
    fixmedins_name: str
    uscc: str = ""
    fixmedins_type: str = "1"
    hosp_lv: str = ""


def _table(name: str) -> dict[str, Any]:
    raw = resources.files("sandbox").joinpath(f"data/{name}.toml").read_text("utf-8")
    return tomllib.loads(raw)


@cache
def traits() -> Traits:
    """``traits.toml``."""
    raw = _table("traits")
    effects = {infno: effect for effect, list_ in raw["effects"].items() for infno in list_}
    return Traits(
        effects=effects,
        read_only=frozenset(raw["effects"]["query"]) - frozenset(raw["forecasts"]["move_a_state"]),
        no_sign_in=frozenset(raw["sign_in"]["not_needed"]),
        reversible=frozenset(raw["reversal"]["reversible"]),
        limits=msgspec.convert(raw["limits"], Limits),
    )


@cache
def seed_people() -> tuple[SeedPerson, ...]:
    """``people.toml``."""
    return tuple(msgspec.convert(row, SeedPerson) for row in _table("people")["people"])


@cache
def institutions() -> tuple[Institution, ...]:
    """``institutions.toml``."""
    rows = _table("institutions")["institutions"]
    return tuple(msgspec.convert(row, Institution) for row in rows)


@cache
def told_as_uploaded(infno: str) -> tuple[str, ...]:
    """``replies.toml``: fields a query tells as they were uploaded."""
    return tuple(_table("replies")[infno])


@cache
def _items() -> tuple[dict[str, Item], dict[str, str]]:
    raw = _table("items")
    known = {row["code"]: msgspec.convert(row, Item) for row in raw["items"]}
    return known, raw["unlisted"]


def items() -> tuple[Item, ...]:
    """``items.toml``, without the entry that stands for everything else."""
    return tuple(_items()[0].values())


def item(code: str) -> Item:
    """The catalogue entry of ``code``; an unlisted code is a self-paid item with a memo."""
    known, unlisted = _items()
    return known.get(code) or msgspec.convert({"code": code, **unlisted}, Item)


class Plans(msgspec.Struct, frozen=True, kw_only=True):
    """``plans.toml``: the plans, and the codes and names of the funds."""

    plans: tuple[Plan, ...]
    fund_pay_types: dict[str, str]
    fund_pay_names: dict[str, str]
    clr_types: dict[str, str]


@cache
def plans() -> Plans:
    """All plans."""
    return msgspec.convert(_table("plans"), Plans)


def plan(insutype: str, kind: str, med_type: str) -> Plan:
    """The plan for this insurance, kind of care and med_type; refuses when there is none."""
    fits = [p for p in plans().plans if p.insutype == insutype and p.kind == kind]
    exact = [p for p in fits if med_type in p.med_types]
    general = [p for p in fits if not p.med_types]
    if not (exact or general):
        raise RefusedError("no_plan", insutype=insutype, med_type=med_type)
    return (exact or general)[0]
