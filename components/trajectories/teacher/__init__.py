"""An optional teacher behind any OpenAI-compatible endpoint: it words, acts and writes, and decides nothing."""
