"""Profiles, step 2: who did it, and what do we now know."""
