"""Plumbing: thin, and without a word of the domain."""
