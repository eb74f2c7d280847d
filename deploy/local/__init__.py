"""Regulars on one machine: PostgreSQL and the four services, started, kept running and stopped together."""
