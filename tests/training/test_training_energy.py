"""Energy comes from counters or not at all."""

from __future__ import annotations

from pathlib import Path

from components.training.energy import EnergyMeter


def package(root: Path, number: int, microjoules: int) -> Path:
    directory = root / f"intel-rapl:{number}"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "energy_uj").write_text(f"{microjoules}\n")
    (directory / "max_energy_range_uj").write_text("10000000\n")
    return directory


def test_without_a_counter_nothing_is_claimed(tmp_path: Path) -> None:
    assert EnergyMeter(powercap=tmp_path).joules() is None


def test_packages_add_up_and_their_parts_do_not_count_twice(tmp_path: Path) -> None:
    package(tmp_path, 0, 1_000_000)
    package(tmp_path, 1, 2_000_000)
    part = tmp_path / "intel-rapl:0:0"
    part.mkdir()
    (part / "energy_uj").write_text("5\n")
    meter = EnergyMeter(powercap=tmp_path)
    package(tmp_path, 0, 4_000_000)
    package(tmp_path, 1, 2_500_000)
    (part / "energy_uj").write_text("3000000\n")
    assert meter.joules() == 3.5
    assert meter.joules() == 3.5


def test_a_counter_that_wrapped_goes_on(tmp_path: Path) -> None:
    package(tmp_path, 0, 9_000_000)
    meter = EnergyMeter(powercap=tmp_path)
    package(tmp_path, 0, 1_000_000)
    assert meter.joules() == 2.0
