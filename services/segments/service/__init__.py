"""The use cases: load, decide by the engine, save what differs.

``rules.py``      the versions to evaluate, built once for each revision of the catalogue
``subject.py``    one profile while it is being worked on; pure
``batch.py``      the profiles of one transaction: locked, worked on, written set-based
``take_in.py``    what the profiles service tells: events, changes, merges, erasures
``passing.py``    what time alone changes
``first_truths.py`` what new versions say of everybody, lane by lane
``settling.py``   profiles going over to edited versions
``builds.py``     builds taking over; what deleted segments left behind
``behind.py``     the loop of what goes on behind live traffic
``catalogue.py``  segments as callers define them
``questions.py``  members, changes, explanations, previews
"""
