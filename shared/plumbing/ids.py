"""Ids that sort by the time they were made."""

from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    """A UUID of version 7."""
    return uuid_utils.compat.uuid7()
