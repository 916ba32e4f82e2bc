"""The program that holds one llama.cpp server; `components.release.llama` starts it and reads its address.

A process of its own, because llama.cpp ends the process it lives in when it meets a file it does not like, and
because a server that outlived its user would be nobody's. It ends when its standard input closes, which happens
whenever the process that started it ends, however that ends. Imports nothing of this project, so it may run anywhere.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import xllamacpp


def serve(settings: dict[str, Any]) -> None:
    """Start the server, say where it listens in one JSON line on standard output, wait for the end of the input."""
    params = xllamacpp.CommonParams()
    params.model.path = settings["model"]
    params.n_ctx = settings["context_tokens"]
    params.n_parallel = 1
    params.use_jinja = True
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings["threads"]
    params.warmup = params.fit_params = params.ui = False
    params.verbosity = -1
    if settings["exact"]:
        # By default llama.cpp caches and multiplies attention in float16: off by 1e-2 in log-probability, so by 1e-5.
        params.n_gpu_layers = 0
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    server = xllamacpp.Server(params)  # on loopback, at a port of the system's choice
    print(json.dumps({"address": server.listening_address}), flush=True)
    sys.stdin.buffer.read()


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
