"""Ratios measured side by side in one run. Every module is a program; README.md says what each measures."""
