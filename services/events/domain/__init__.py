"""What is decided without asking anybody: keys, forms, validity, time, identity of a message."""
