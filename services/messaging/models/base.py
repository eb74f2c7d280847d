"""What all tables share."""

from sqlalchemy import MetaData
from sqlalchemy.dialects.postgresql import UUID

from shared.plumbing.tables import feed_table, key_table, lane_tables

metadata = MetaData()
lane_tables(metadata)
key_table(metadata)
feed_table(metadata)

ID = UUID(as_uuid=True)
