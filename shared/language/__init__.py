"""The words that segments and messaging share: paths, comparisons, predicates over events, exact numbers, durations.

Imports nothing of ours. ``predicates.parse_predicates(json, loc)`` and ``predicates.all_hold(predicates, properties,
context)`` are what a trigger's ``where`` needs, ``durations.parse_duration(text)`` what its ``delay`` does (ValueError with
a message). A refused definition raises ``errors.ConditionError`` with ``errors: [{"loc", "msg"}]``.
"""
