"""Other vendors' bodies, as messages of the tracking spec. One that can't be translated comes out as one that is refused."""
