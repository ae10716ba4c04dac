"""An institution's own differences: files named in its settings, read once at start-up."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bus.config.faults import SettingsError
from bus.config.settings import InstitutionSettings
from schemas.catalogue import Catalogue, load
from schemas.dictionary import DictionaryError, code_tables
from schemas.faulty_data import CatalogueError
from schemas.jsontext import JsonTextError, decode
from schemas.profile import UnknownProfileError

FILE_BYTES_MAX = 64 * 1024 * 1024
"""A dictionary of all tables has some megabytes; what is larger is another file."""


def catalogue_for(institution: InstitutionSettings) -> Catalogue:
    """The catalogue of an institution: its profile, its overlay file, its dictionary, and what its
    settings say themselves, the later over the earlier. ``SettingsError`` names the file."""
    overrides = _overlay(institution.overlay)
    for name in ("where", "recovery"):
        own = getattr(institution, name)
        if own:
            overrides[name] = {**overrides.get(name, {}), **own}
    if institution.dictionary:
        codes = _dictionary(institution.dictionary)
        overrides["codes"] = {**overrides.get("codes", {}), **codes}
    try:
        return load(institution.profile, overrides)
    except (CatalogueError, UnknownProfileError) as error:
        place = institution.overlay or institution.dictionary or institution.profile
        raise SettingsError(f"{place}: {error}") from error


def _overlay(file: str) -> dict[str, Any]:
    if not file:
        return {}
    try:
        return tomllib.loads(_read(file).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is no TOML: {error}") from error


def _dictionary(file: str) -> Mapping[str, Any]:
    raw = _read(file)
    try:
        documents = [decode(line) for line in raw.splitlines() if line.strip()]
    except JsonTextError:
        documents = [_whole(raw, file)]
    try:
        return code_tables(documents)
    except DictionaryError as error:
        raise SettingsError(f"{file}: {error}") from error


def _whole(raw: bytes, file: str) -> Any:
    try:
        return decode(raw)
    except JsonTextError as error:
        raise SettingsError(f"{file} is no JSON: {error}") from error


def _read(file: str) -> bytes:
    path = Path(file)
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise SettingsError(f"{file} is larger than {FILE_BYTES_MAX} bytes")
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from error
