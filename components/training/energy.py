"""Energy the machine's own counters report: NVML on NVIDIA devices, RAPL on processors. Never estimated."""

from __future__ import annotations

from pathlib import Path

POWERCAP = Path("/sys/class/powercap")


class EnergyMeter:
    """Joules since it was made, or None where no counter can be read.

    A counter covers the whole device or processor package, other processes included.
    """

    def __init__(self, gpu_indices: tuple[int, ...] = (), powercap: Path = POWERCAP) -> None:
        self._packages = [path for path in sorted(powercap.glob("intel-rapl:?")) if _readable(path / "energy_uj")]
        self._gpu_handles = _gpu_handles(gpu_indices)
        self._joules = 0.0
        self._last = self._read()

    def joules(self) -> float | None:
        """Energy so far. RAPL counters wrap within an hour under load: call at least every few minutes."""
        if not self._last:
            return None
        now = self._read()
        for name, value in now.items():
            passed = value - self._last[name]
            if passed < 0:  # the counter wrapped
                passed += _number(Path(name).parent / "max_energy_range_uj") / 1e6
            self._joules += passed
        self._last = now
        return self._joules

    def _read(self) -> dict[str, float]:
        """Counter values in joules by counter."""
        values = {str(path / "energy_uj"): _number(path / "energy_uj") / 1e6 for path in self._packages}
        if self._gpu_handles:
            import pynvml

            for index, handle in self._gpu_handles.items():
                values[f"gpu{index}"] = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3
        return values


def _gpu_handles(indices: tuple[int, ...]) -> dict[int, object]:
    """NVML handles of the devices that have an energy counter (Volta and later)."""
    if not indices:
        return {}
    import pynvml

    handles: dict[int, object] = {}
    pynvml.nvmlInit()
    for index in indices:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        try:
            pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
        except pynvml.NVMLError_NotSupported:
            continue
        handles[index] = handle
    return handles


def _readable(path: Path) -> bool:
    """Whether this user may read the counter; most kernels keep RAPL for root."""
    try:
        path.read_text()
    except OSError:
        return False
    return True


def _number(path: Path) -> float:
    return float(path.read_text())
