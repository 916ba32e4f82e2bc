"""Do the checks find what they should? Known failures planted in sound records, and what becomes of them."""
