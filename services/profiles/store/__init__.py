"""All SQL of the profiles service."""
