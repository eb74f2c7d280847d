"""The vendors' own SDKs, unchanged, against a real server."""
