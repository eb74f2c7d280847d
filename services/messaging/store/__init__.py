"""All SQL of messaging. One query, one function."""
