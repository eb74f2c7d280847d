"""The leaf engine: for each kind of leaf its small state, and what that says at an instant. Instants are microseconds.

``points``  aggregates of events: what they contribute, ordered by time
``orders``  spend: one entry per order
``steps``   sequences: when their steps happened
``leaf``    one door to all of them, and to the leaves without a state
``verdict`` a truth with the instant up to which it lasts, and how verdicts combine
"""
