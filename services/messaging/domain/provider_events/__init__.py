"""What providers tell of messages they took: a pure reader and a signature check for each."""
