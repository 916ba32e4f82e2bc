"""What datatrove runs here: our word splitter, the filters its own set lacks, decontamination, the pipelines."""
