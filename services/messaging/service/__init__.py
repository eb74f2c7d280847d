"""Use cases: load, decide, save, publish."""
