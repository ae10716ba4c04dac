"""What is not asked for is not built: counted, not timed."""

from pathlib import Path

import pytest

from bus.config.load import load_settings
from consumers.worker import lanes_of
from schemas import catalogue, compiler, data_files, transaction
from schemas.catalogue import Catalogue
from schemas.examples import example_input
from schemas.profile import load_profile

THREE = ("2207", "2301", "5203")


class Counter:
    """Stands in for a function and counts its calls."""

    def __init__(self, function: object) -> None:
        self.function = function
        self.calls: list[object] = []

    def __call__(self, *given: object) -> object:
        self.calls.append(given[0])
        assert callable(self.function)
        return self.function(*given)


def test_three_transactions_build_and_compile_three(monkeypatch: pytest.MonkeyPatch) -> None:
    built, compiled = Counter(catalogue.build), Counter(compiler.compile_check)
    monkeypatch.setattr(catalogue, "build", built)
    monkeypatch.setattr(transaction, "compile_check", compiled)
    worker = Catalogue(load_profile("yunnan"))
    assert len(worker.infnos()) > 200
    assert all(worker.lane_of(infno) for infno in worker.infnos())
    assert (built.calls, compiled.calls) == ([], [])
    for _ in range(2):
        for infno in THREE:
            assert worker[infno].accepts(example_input(worker[infno]))
    assert built.calls == list(THREE)
    assert len(compiled.calls) == 3


def test_a_worker_knows_its_queues_without_building_a_transaction(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s" * 64, "ascii")
    secret.chmod(0o600)
    file = tmp_path / "yibao.toml"
    file.write_text(
        f'[broker]\nurl = "amqp://bus@localhost/v"\npassword_file = "{secret}"\n'
        f'[journal]\nkeys_file = "{secret}"\n[gateways.main]\nurl = "http://localhost/"\n'
        '[institutions.H53010200001]\nname = "示例"\ngateway = "main"\nusers = ["his"]\n'
        'where = { 1191 = "centre" }\n',
        "utf-8",
    )
    monkeypatch.setattr(catalogue, "build", None)
    lanes = lanes_of(load_settings(file, {}, secrets=False))
    assert (lanes["2207"], lanes["2301"], lanes["4101"]) == ("call", "bulk", "call")
    assert (lanes["1191"], lanes["1192"], lanes["4102"]) == ("call", "desk", "shared")


def test_a_chapter_is_parsed_once_for_all_profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = Counter(data_files.parse)
    monkeypatch.setattr(data_files, "parse", parsed)
    data_files.read.cache_clear()
    catalogue._chapter.cache_clear()
    for profile in ("yunnan", "hunan"):
        _ = Catalogue(load_profile(profile))["2207"]
        _ = Catalogue(load_profile(profile))["2208"]
    chapters = [text for text in parsed.calls if str(text).startswith("# Transactions")]
    assert len(chapters) == 1
