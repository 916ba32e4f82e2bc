"""Sources of text to documents worth learning from: ingest, check, curate. See README.md for the contracts."""
