"""What the four services share: schemas of their messages, the condition language's rules, and plumbing."""
