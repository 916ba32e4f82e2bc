"""Mathematics as task families: typed derivations, executed step by step, in three levels. See README.md."""
