"""The stages: one package a stage family, over the seams they share.

Threads of torch wait passively. Waiting actively, two threads on two cores trained 563 tokens/s beside other work where
one thread trained 1,841; waiting passively they trained 2,041 (docs/notebook.md). It must be set before torch loads.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
