"""A PostgreSQL of one's own: found, made, tuned and started from a folder, without an installation."""
