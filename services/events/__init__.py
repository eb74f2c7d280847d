"""Step 1: accept what happened, keep it once, hand it on."""
