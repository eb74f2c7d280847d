"""Seeds of generated tests."""

import pytest
from _pytest.mark.structures import ParameterSet


def seeds(first: int, *others: int) -> list[ParameterSet]:
    """The first on every PostgreSQL; the others once."""
    return [pytest.param(first), *(pytest.param(one, marks=pytest.mark.once) for one in others)]
