"""Loading the configuration: the whole file is checked and every fault named at once."""

import difflib
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from bus.config.faults import ConfigError, ConfigFault
from bus.config.forms import FORMS, INFNO, TENANT
from bus.config.reference import Rule, default_of, example_toml, rules_of, struct_inside
from bus.config.secret import read_secret, secret_fault
from bus.config.settings import GatewaySettings, InstitutionSettings, Settings

__all__ = ["ConfigError", "ConfigFault", "example_toml", "load_settings", "read_secret"]

Table = dict[str, Any]


def load_settings(path: Path, env: Mapping[str, str], *, secrets: bool = True) -> Settings:
    """The settings in the TOML file ``path``, with relative file names made absolute.

    ``env`` is where secrets named by ``*_env`` are looked for. ``ConfigError`` names every fault:
    unknown settings, wrong types, values out of bounds, secrets that cannot be read, references
    that lead nowhere. ``secrets`` False: they need not be there yet.
    """
    walk = _Walk(path.absolute().parent)
    clean = walk.table(Settings, _read(path), "")
    settings = msgspec.convert(clean, Settings)
    missing = _secrets(settings, env) if secrets else []
    faults = (*walk.faults, *missing, *_references(settings))
    if faults:
        raise ConfigError(str(path), faults)
    return settings


def _read(path: Path) -> Table:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        fault = ConfigFault(path="$", problem="unreadable", found=str(error.strerror))
    except UnicodeDecodeError:
        fault = ConfigFault(path="$", problem="not_toml", found="not UTF-8 text")
    except (ValueError, RecursionError) as error:  # ValueError alone: a number of 5,000 digits
        fault = ConfigFault(path="$", problem="not_toml", found=str(error))
    raise ConfigError(str(path), (fault,))


class _Walk:
    """One pass over the file. A faulty value is noted and left out (an empty text stands in where
    one is required), so that what remains always converts and the later checks still run."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.faults: list[ConfigFault] = []

    def table(self, kind: type[msgspec.Struct], data: Any, path: str) -> Table:
        """The usable part of one section."""
        if not isinstance(data, dict):
            self._note(path, "wrong_type", "a table", _type_name(data))
            return {f.name: "" for f in msgspec.structs.fields(kind) if f.required}
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        for key in sorted(data.keys() - fields.keys()):
            close = difflib.get_close_matches(key, fields, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(fields)}"
            self._note(_join(path, key), "unknown", hint)
        clean: Table = {}
        for name, field in fields.items():
            value = self._field(field, rules_of(kind).get(name), data, _join(path, name))
            if value is not msgspec.UNSET:
                clean[name] = value
        return clean

    def _field(
        self, field: msgspec.structs.FieldInfo, rule: Rule | None, data: Table, path: str
    ) -> Any:
        struct, named = struct_inside(field.type)
        if struct is not None and named:
            return self._named(struct, data.get(field.name, {}), path)
        if struct is not None:
            return self.table(struct, data.get(field.name, {}), path)
        assert rule is not None  # noqa: S101 - a test holds reference.toml and settings.py equal
        if field.name not in data and field.required:
            self._note(path, "missing", rule.en)
            return ""
        value = data.get(field.name, default_of(field))
        if not self._good(value, field.type, rule, path):
            return "" if field.required else msgspec.UNSET
        if rule.form in {"file", "file_needed"} and value:
            return str(self.base / value)
        return value

    def _named(self, struct: type[msgspec.Struct], data: Any, path: str) -> Table:
        if not isinstance(data, dict):
            self._note(path, "wrong_type", "a table", _type_name(data))
            return {}
        return {key: self.table(struct, value, _join(path, key)) for key, value in data.items()}

    def _good(self, value: Any, kind: Any, rule: Rule, path: str) -> bool:
        """Whether the value may be used; notes why not."""
        if get_origin(kind) is dict and isinstance(value, dict):
            good = [
                self._key(key, rule, _join(path, key))
                & self._good(item, get_args(kind)[1], rule, _join(path, key))
                for key, item in value.items()
            ]
            return all(good)
        try:
            converted = msgspec.convert(value, kind, strict=True)
        except msgspec.ValidationError:
            return self._note(path, "wrong_type", _kind_name(kind), _type_name(value))
        return self._allowed(converted, rule, path)

    def _allowed(self, value: Any, rule: Rule, path: str) -> bool:
        if rule.min is not None and rule.max is not None and not rule.min <= value <= rule.max:
            return self._note(path, "out_of_range", rule.bounds, str(value))
        if rule.choices and value not in rule.choices:
            return self._note(path, "not_a_choice", ", ".join(rule.choices))
        wrong = FORMS[rule.form](value) if rule.form else ""
        return self._note(path, "wrong_form", wrong) if wrong else True

    def _key(self, key: str, rule: Rule, path: str) -> bool:
        if rule.keys == "infno" and not INFNO.fullmatch(key):
            return self._note(path, "bad_infno", "for example 2207 or 2203A")
        return True

    def _note(self, path: str, problem: str, allowed: str = "", found: str = "") -> bool:
        self.faults.append(ConfigFault(path=path, problem=problem, allowed=allowed, found=found))
        return False


def _secrets(settings: Settings, env: Mapping[str, str]) -> list[ConfigFault]:
    """Every secret that is needed is there and readable, given in exactly one way."""
    broker, journal = settings.broker, settings.journal
    wanted = [
        ("broker.password", (broker.password_file, broker.password_env)),
        ("journal.keys", (journal.keys_file, journal.keys_env)),
    ]
    if journal.engine == "postgres":
        wanted.append(("journal.password", (journal.password_file, journal.password_env)))
    wanted += [
        (f"gateways.{name}.secret", (gateway.secret_file, gateway.secret_env))
        for name, gateway in settings.gateways.items()
        if gateway.scheme != "none"
    ]
    found = []
    for path, names in wanted:
        setting = path.rpartition(".")[2]
        both = f"{setting}_file, {setting}_env"
        fault = secret_fault(f"{path}_{'env' if names[1] else 'file'}", names, env, both=both)
        if fault is not None:
            found.append(fault)
    return found


def _references(settings: Settings) -> list[ConfigFault]:
    """What the sections say about each other and about the machine."""
    found = []
    for path, file in (("broker", settings.broker.ca_file), ("journal", settings.journal.ca_file)):
        found += _ca_file(path, file) if file else []
    if settings.broker.ca_file and not settings.broker.url.startswith("amqps:"):
        allowed = "empty, or broker.url begins with amqps: without TLS it checks nothing"
        found.append(ConfigFault(path="broker.ca_file", problem="wrong_form", allowed=allowed))
    for name, gateway in settings.gateways.items():
        found += _gateway(f"gateways.{name}", gateway)
    for tenant, institution in settings.institutions.items():
        found += _institution(tenant, institution, settings)
    for name, schedule in settings.schedules.items():
        known = ", ".join(settings.institutions) or "none"
        found += [
            ConfigFault(
                path=f"schedules.{name}.institutions", problem="no_institution", allowed=known
            )
            for code in schedule.institutions
            if code not in settings.institutions
        ]
    return found + _users_twice(settings)


def _users_twice(settings: Settings) -> list[ConfigFault]:
    """A user with two duties would have the rights of one under the name of the other."""
    lists = {
        "broker.url": (settings.broker.user,),
        "broker.operators": settings.broker.operators,
        "broker.monitors": settings.broker.monitors,
    }
    for tenant, institution in settings.institutions.items():
        lists[f"institutions.{tenant}.users"] = institution.users
        lists[f"institutions.{tenant}.bridges"] = institution.bridges
    owners: dict[str, str] = {}
    return [
        ConfigFault(path=path, problem="user_twice", found=owners[user])
        for path, users in lists.items()
        for user in users
        if owners.setdefault(user, path) != path
    ]


def _gateway(path: str, gateway: GatewaySettings) -> list[ConfigFault]:
    found = [] if not gateway.ca_file else _ca_file(path, gateway.ca_file)
    if gateway.scheme == "tif" and not gateway.account:
        allowed = "scheme tif signs with an account (paasid)"
        found.append(ConfigFault(path=f"{path}.account", problem="missing", allowed=allowed))
    return found


def _institution(
    tenant: str, institution: InstitutionSettings, settings: Settings
) -> list[ConfigFault]:
    path = f"institutions.{tenant}"
    found = []
    if not TENANT.fullmatch(tenant):
        allowed = "fixmedins_code, 12 characters of A-Z and 0-9, such as H53010000001"
        found.append(ConfigFault(path=path, problem="bad_tenant", allowed=allowed))
    if institution.gateway and institution.gateway not in settings.gateways:
        known = ", ".join(settings.gateways) or "none"
        found.append(ConfigFault(path=f"{path}.gateway", problem="no_gateway", allowed=known))
    profiles = _profiles()
    if profiles and institution.profile not in profiles:
        known = ", ".join(profiles)
        found.append(ConfigFault(path=f"{path}.profile", problem="no_profile", allowed=known))
    return found


def _ca_file(path: str, file: str) -> list[ConfigFault]:
    if Path(file).is_file():
        return []
    allowed = f"a PEM file that exists; there is none at {file}"
    return [ConfigFault(path=f"{path}.ca_file", problem="wrong_form", allowed=allowed)]


def _profiles() -> tuple[str, ...]:
    folder = resources.files("schemas").joinpath("data", "profiles")
    if not folder.is_dir():
        return ()
    names = {entry.name.partition(".")[0] for entry in folder.iterdir()}
    return tuple(sorted(name for name in names if name and not name.startswith("_")))


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _kind_name(kind: Any) -> str:
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    if kind in names:
        return names[kind]
    return "a table" if get_origin(kind) is dict else "a list of texts"


def _type_name(value: Any) -> str:
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    return names.get(type(value), "a table" if isinstance(value, dict) else "a list or a time")
