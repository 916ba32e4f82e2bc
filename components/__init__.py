"""The stages: one package a stage family, over the seams they share."""
