"""What stops a run, said to a person in one line."""


class Fault(Exception):
    """The run cannot go on; the message says why and what helps."""
