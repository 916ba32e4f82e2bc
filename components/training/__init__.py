"""Pre-training: initial weights and one curriculum stage at a time. See README.md for the contract."""
