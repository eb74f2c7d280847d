"""Step 3: where does that put them, now and as time passes."""
