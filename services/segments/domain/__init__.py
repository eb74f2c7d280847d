"""What a segment's condition means, decided purely: values in, verdicts out.

The map. Every reader of the tree matches all of its nodes; adding one makes each of them complain.

``condition.py``  the immutable tree: ``All Any Not For SegmentRef``, and leaves
                  ``Trait EventAggregate Spend LifeEvent TraitDate Sequence Bucket``
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
                  in place, what the event, the knowledge or the time touches and nothing else:
                  ``.take(standing, event, now, facts) -> formulas | None``
                                                                      each event once, in any order of time; None: no notice
                  ``.changed_by_facts(old, new) -> formulas``         another knowledge of the same profile
                  ``.recall(standing, facts, now, events, formulas=None)``
                                                                      of the `for`s among these: anew, from the past; and of
                                                                      leaves by other traits; before judging those touched
                  ``.judge(standing, facts, now, formulas=None) -> {version_id: bool}``
                                                                      these formulas' versions; all without any
                  ``.pass_time(standing, facts, until)``              each instant at which truths may change, with those truths
                  without touching what they are given, of leaves alone:
                  ``.fold(states, events, facts) -> states``          any order of time; each event once
                  ``.trim(states, t) -> states``                      drops what can't matter at or after t; judged
                  ``.refold(events, t, facts) -> states``             from the whole history, trimmed to t
                  ``.stand(states, facts, t, events=()) -> Standing`` all judged; events for `for`s
                  ``.evaluate(states, facts, t, events=()) -> Evaluation(truths: {version_id: bool}, next_at: datetime | None)``
                  ``.touched_by_event(name)``, ``.touched_by_trait(top_level_key)``, ``.touched_by_life_events()``
                                                                      -> frozenset of version ids
                  ``.event_names``                                    every name that any leaf looks at
``standing.py``   ``Standing(leaves, due, since)``                    where one profile's conditions stand; ``.next_at``
``timeline.py``   ``advance(ruleset, standing, facts, truths, until) -> Advance(flips, truths)``
                  ``Flip(version_id, truth, at)``                     every boundary up to ``until``, in order of time
``explain.py``    ``explain(definition, events, facts, t) -> dict``   the tree with each node's value and numbers
``sql/``          ``query.compile_query(definition, as_of, default_zone="UTC") -> Query(sql, arguments)``
                                                                      the members at an instant, as one set-based SELECT:
                                                                      ``fetch(query.sql, lanes, *query.arguments)`` gives
                                                                      rows ``lane, profile_id, user_id`` in no order;
                                                                      with ``query.doubts`` it asks back first

Behind them: ``rulebase.py`` (versions taken apart into leaves and formulas), ``spending.py`` (orders from events),
``occurrences.py``, ``trait_dates.py``, ``local_time.py`` and ``windows.py`` (dates of people, local dates, periods), ``engine/`` (what is kept of
the leaves), ``looking.py`` (one look at it), ``past.py``, ``lasting.py`` and ``turns.py`` (since when something has been so).
``default_zone`` must be one of ``local_time.zone_names()``.

What is kept is plain JSON: ``{"leaves": {leaf key: [truth, until, pending, …]}, "due": {formula: instant}, "since": {`for`: instant}}`` for one profile,
numbers int or Decimal, instants integer microseconds since the epoch. Leaves of spend share the orders, which stand beside
them under keys of their own and are folded and let go with all who share them. A leaf without a matching event has no entry, so a
version's leaves are complete only once its profiles were refolded. They know only what still matters from the last look
on: time never runs backwards. A leaf's verdict stands until an event touches it or its time has come; a formula is worked
out again when a verdict it depends on has changed, or when it is due. ``next_at`` is the earliest instant at which any
truth can change with nothing happening; it may name one at which none does. The caller owes: duplicates (source, message
id) removed, merged profiles refolded from all their events.

For one profile, at a processing instant ``now`` with a new event::

    passed = advance(ruleset, standing, facts, truths, now)            # by time
    touched = ruleset.take(standing, event, now, facts)
    ruleset.recall(standing, facts, now, past, touched)                # if any `for` is among them
    truths = ruleset.judge(standing, facts, now, touched)              # of what may differ: by event
"""
