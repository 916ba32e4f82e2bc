"""Code tasks over small functions and over real packages with real tests: see README.md."""
