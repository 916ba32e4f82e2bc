"""The last stage: a checkpoint becomes files that others can load and talk to, proved equal to the trained model."""
