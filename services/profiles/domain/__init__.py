"""Decisions about people: values in, verdicts out."""
