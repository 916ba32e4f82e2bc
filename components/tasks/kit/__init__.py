"""What every task family is built with: the oracle, wording, splits, the registry. See README.md."""
