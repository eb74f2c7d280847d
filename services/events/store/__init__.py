"""All SQL of the events service."""
