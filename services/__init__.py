"""The four services: events, profiles, segments, messaging."""
