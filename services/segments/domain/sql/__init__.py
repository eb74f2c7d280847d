"""The condition tree as SQL: who is a member at an instant, in one set-based query over `history` and `profiles`.

``parameters``  values are always parameters
``values``      paths, comparisons and predicates over jsonb
``totals``      aggregates of events: all of them in one scan
``orders``      spend, order by order
``steps``       sequences
``dates``       life events, by the local date of every zone at that instant
``periods``     windows by the calendar, by when the present period began in every zone
``query``       the door: ``compile_query(definition, as_of, default_zone) -> Query``
"""
