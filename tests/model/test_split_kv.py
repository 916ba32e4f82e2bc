"""The Triton kernels of absorbed decoding: interpreted on the CPU, and compiled to machine code for GPUs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

INTERPRETED = Path(__file__).with_name("interpreted_split_kv.py")


def test_interpreted_they_agree_with_the_reference() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(INTERPRETED)]
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


COMPILE = """
from triton import compile
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from model import split_kv

for capability in (80, 90):
    for kernel, pointers, constants, warps in (
        (split_kv._attend, {"q_BHX": "bf16", "kv_BTX": "bf16", "starts_B": "i64", "newest_1": "i64"},
         {"C": 512, "R": 64, "C_TILE": 512, "R_TILE": 64, "H_TILE": split_kv.HEAD_TILE, "T_TILE": split_kv.COLUMN_TILE},
         split_kv.WARPS),
        (split_kv._merge, {"mixed_BHC": "bf16"}, {"C": 512, "C_TILE": split_kv.MERGE_TILE, "S_TILE": 128}, 4),
    ):
        pointers |= {"parts_BSHC": "fp32", "sums_BSH": "fp32"}
        kinds = {name: "*" + kind for name, kind in pointers.items()} | dict.fromkeys(constants, "constexpr")
        source = ASTSource(kernel, {name: kinds.get(name, "i32") for name in kernel.arg_names}, constants)
        made = compile(source, target=GPUTarget("cuda", capability, 32), options={"num_warps": warps, "num_stages": 2})
        print(made.metadata.shared, len(made.asm["cubin"]), "mma.sync" in made.asm["ptx"])
"""


def test_the_kernels_compile_for_a100_and_h100() -> None:
    """To machine code, which takes no GPU; for the published shape in bfloat16, on the matrix units, within 96 KB."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run([sys.executable, "-c", COMPILE], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    made = [line.split() for line in done.stdout.splitlines()]
    assert len(made) == 4 and all(int(shared) <= 96 * 1024 and int(code) > 0 for shared, code, _ in made), made
    assert [on_matrix_units for *_, on_matrix_units in made] == ["True", "False"] * 2
