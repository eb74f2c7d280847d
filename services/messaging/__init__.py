"""Step 4: should we speak, what do we say, did it help."""
