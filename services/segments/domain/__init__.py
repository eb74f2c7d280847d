"""What a segment's condition means, decided purely: values in, verdicts out.

The map. Every reader of the tree matches all of its nodes; adding one makes each of them complain.

``condition.py``  the immutable tree: ``All Any Not Trait EventAggregate Spend LifeEvent Sequence SegmentRef Bucket``
``parse.py``      ``parse(json) -> Condition``                        raises ``ConditionError(errors=[{"loc", "msg"}])``
``render.py``     ``to_json(condition) -> dict``                      ``parse(to_json(c)) == c``
                  ``leaf_key(leaf) -> str``                           equal meaning, equal key
``definition.py`` ``references(condition) -> {key: loc}``             the segments it names itself, where first
                  ``define(condition, segments, *, key=None) -> Definition``
                                                                      closes it over what it refers to; ``segments`` has
                                                                      the conditions of those that exist, by key;
                                                                      ``ConditionError`` for unknown keys and cycles
                  ``Definition(condition, segments)``                 ``segments``: all it leads to, dependencies first
``facts.py``      ``Event(timestamp, message_id, source, name, properties, context)``
                  ``LifeEventFact(kind, date, recurs, subject)``
                  ``ProfileFacts(id, traits, life_events=(), default_zone="UTC")``
``evaluate.py``   ``is_true(definition, events, facts, t) -> bool``   straight from all events; the reference
``ruleset.py``    ``Ruleset.build({version_id: Definition}) -> Ruleset``
                  ``.fold(states, events) -> states``                 any order of time; each event once
                  ``.evaluate(states, facts, t) -> Evaluation(truths: {version_id: bool}, next_at: datetime | None)``
                  ``.trim(states, t) -> states``                      drops what can't matter at or after t
                  ``.refold(events, t) -> states``                    from the whole history, trimmed to t
                  ``.touched_by_event(name)``, ``.touched_by_trait(top_level_key)``, ``.touched_by_life_events()``
                                                                      -> frozenset of version ids
                  ``.event_names``                                    every name that any leaf looks at
``timeline.py``   ``advance(ruleset, states, facts, truths, since, until) -> Advance(flips, truths, next_at)``
                  ``Flip(version_id, truth, at)``                     every boundary in (since, until], in order of time
``explain.py``    ``explain(definition, events, facts, t) -> dict``   the tree with each node's value and numbers
``sql/``          ``query.compile_query(definition, as_of, default_zone="UTC") -> Query(sql, arguments)``
                                                                      the members at an instant, as one set-based SELECT:
                                                                      ``fetch(query.sql, lanes, *query.arguments)`` gives
                                                                      rows ``lane, profile_id, user_id`` in no order

Behind them: ``spending.py`` (orders from events), ``occurrences.py`` and ``local_time.py`` (life events and local dates),
``engine/`` (the leaves' states). ``default_zone`` must be one of ``local_time.zone_names()``.

States are plain JSON: ``{leaf key: {"state": …, "verdict": …}}`` for one profile, numbers int or Decimal, instants integer
microseconds since the epoch. A leaf without a matching event has no entry, so a version's states are complete only once
its profiles were refolded. They know only what still matters from the last ``trim`` on: evaluate at that instant or later,
never before. ``trim`` also keeps each leaf's verdict, so that ``evaluate`` works out only what an event or time has touched.
``next_at`` is the earliest instant after ``t`` at which any truth can change with nothing happening; it may name one at
which none does. The caller owes: duplicates (source, message id) removed, merged profiles refolded from all their events.

For one profile, at a processing instant ``now`` with new events::

    passed = advance(ruleset, states, facts, truths, since=evaluated_at, until=now)
    states = ruleset.trim(ruleset.fold(states, events), now)
    evaluation = ruleset.evaluate(states, facts, now)                  # other than passed.truths: by event
"""
