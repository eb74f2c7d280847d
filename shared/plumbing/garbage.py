"""How often Python looks for garbage."""

import gc


def collect_seldom() -> None:
    """Batches make many short-lived values; collecting after every 700 of them costs a third of the time."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
