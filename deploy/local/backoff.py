"""When a process that died is started again."""

DELAYS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds before the 1st, 2nd ... restart in a row
LONG_ENOUGH = 60.0  # seconds; who ran as long begins anew


def failures_after(failures: int, *, ran_for: float) -> int:
    """How many times in a row it has failed by now."""
    return 1 if ran_for >= LONG_ENOUGH else failures + 1


def delay_before_restart(failures: int) -> float:
    return DELAYS[min(failures, len(DELAYS)) - 1]


def exit_reason(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
