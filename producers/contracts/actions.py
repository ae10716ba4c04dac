"""``yibao schema export --all`` and ``yibao schema compare``: what they print and how they end."""

from pathlib import Path
from typing import Any

import msgspec

from bus.command_line import CommandError, ExitCode, in_language
from producers.contracts.baseline import FaultyContractError, read_contract
from producers.contracts.compare import Change, breaking, compare
from producers.contracts.folder import MARK, NotOurFolderError, write_all
from schemas.catalogue import Catalogue
from schemas.readable import aligned


def export_all(catalogue: Catalogue, folder: Path, *, as_json: bool) -> str:
    """Write the folder; what to print. ``CommandError``."""
    try:
        files = write_all(catalogue, folder)
    except NotOurFolderError as error:
        en = f"{folder} is not empty and holds no earlier export; nothing was written"
        zh = f"目录 {folder} 非空且不是以前导出的目录，未写入任何文件"
        raise CommandError(en, zh, ExitCode.USAGE) from error
    except OSError as error:
        en, zh = f"cannot write into {folder}: {error}", f"无法写入目录 {folder}：{error}"
        raise CommandError(en, zh, ExitCode.USAGE) from error
    if as_json:
        return _json({"folder": str(folder), "files": files})
    return f"{folder}: {len(files)} files 个文件\n"


def compare_folders(old: Path, new: Path, *, as_json: bool) -> tuple[str, ExitCode]:
    """What changed between two exports; ``NEGATIVE`` when something of it breaks a HIS.
    ``CommandError``."""
    try:
        changes = compare(read_contract(old / MARK), read_contract(new / MARK))
    except (FaultyContractError, OSError) as error:
        en = f"no contract to compare: {error}; `yibao schema export --all DIR` writes one"
        zh = f"无法读取契约：{error}；请先用 yibao schema export --all 导出"
        raise CommandError(en, zh, ExitCode.USAGE) from error
    broken = breaking(changes)
    text = _json(_as_data(changes)) if as_json else _page(changes)
    return text, ExitCode.NEGATIVE if broken else ExitCode.OK


def _as_data(changes: tuple[Change, ...]) -> dict[str, Any]:
    listed = [
        {**msgspec.to_builtins(change), **msgspec.structs.asdict(change.words)}
        for change in changes
    ]
    return {"breaking": len(breaking(changes)), "changes": listed}


def _page(changes: tuple[Change, ...]) -> str:
    broken = breaking(changes)
    rest = tuple(change for change in changes if change not in set(broken))
    parts = [
        (broken, in_language("breaks a HIS", "影响现有 HIS 的变更")),
        (rest, in_language("breaks nothing", "兼容的变更")),
    ]
    lines = []
    for listed, head in parts:
        title = " ".join(head.splitlines())
        lines += [f"{title}: {len(listed)}", *aligned(map(_row, listed), "  ")]
    return "\n".join(lines) + "\n"


def _row(change: Change) -> tuple[str, str, str]:
    told = f"{change.before or '-'} -> {change.after or '-'}"
    what = " ".join(in_language(change.words.en, change.words.zh).splitlines())
    return change.path, what, told if change.before or change.after else ""


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode("utf-8") + "\n"
