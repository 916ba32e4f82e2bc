"""Whether the checks find what they should: known faults injected into sound records, and how many are caught."""
