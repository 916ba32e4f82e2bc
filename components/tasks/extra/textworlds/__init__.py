"""Text worlds played in real simulators on a Java machine. See README.md."""
