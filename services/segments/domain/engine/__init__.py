"""The leaf engine. Instants are microseconds.

``keeper``    what is kept of a leaf, and who keeps it: takes events in, in any order of time, and settles
``points``    aggregates of events: running totals, and the points that stand in a window
``ledger``    the orders of a profile, kept once for all leaves that ask for one basis and currency
``orders``    spend: what these orders come to
``steps``     sequences: when their steps happened
``threshold`` a number against the one a leaf names
``leaf``      one door to all of them, and to the leaves that look at the profile alone
``compile``   selections as Python, a function for each event name; ``values`` is what that is made of
``verdict``   a truth with the instant up to which it lasts, and how verdicts combine
"""
