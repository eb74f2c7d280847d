"""Links, shared devices and aliases in order, against a model that knows nothing of how it is done."""

from hypothesis import given
from hypothesis import strategies as st

from services.profiles.domain.names import ANONYMOUS, USER, Name
from tests.unit.profiles.told import fold_of, message

USERS, DEVICES = ["u1", "u2", "u3"], ["a1", "a2"]
said = st.one_of(
    st.tuples(st.just("track"), st.sampled_from([None, *USERS]), st.sampled_from([None, *DEVICES])).filter(
        lambda one: one[1] or one[2]
    ),
    st.tuples(st.just("alias"), st.sampled_from(USERS), st.sampled_from(USERS + DEVICES)),
)


class Model:
    """People as sets of names. `at` says which set a message went to, by the names it was found under."""

    def __init__(self) -> None:
        self.people: list[set[str]] = []

    def of(self, name: str) -> set[str] | None:
        return next((person for person in self.people if name in person), None)

    def track(self, user: str | None, device: str | None) -> None:
        ids = [name for name in (user, device) if name]
        if not user or not device:
            if self.of(ids[0]) is None:
                self.people.append(set(ids))
            return
        person, owner = self.of(user), self.of(device)
        if person is None:
            person = owner if owner is not None and not owner & set(USERS) else set()
            person.add(user)
            if person not in self.people:
                self.people.append(person)
        if owner is not None and owner is not person:
            if owner & set(USERS):
                owner.discard(device)
            else:
                self._join(person, owner)
        person.add(device)

    def alias(self, user: str, previous: str) -> None:
        person = self.of(user)
        if person is None:
            person = {user}
            self.people.append(person)
        other = self.of(previous)
        if other is None:
            person.add(previous)
        elif other is not person:
            self._join(person, other)

    def _join(self, one: set[str], other: set[str]) -> None:
        self.people = [person for person in self.people if person is not other]
        one |= other


@given(st.lists(said, max_size=12))
def test_people_are_those_of_the_model(told: list[tuple[str, str | None, str | None]]) -> None:
    model, messages = Model(), []
    for kind, one, other in told:
        if kind == "track":
            messages.append(message(user_id=one, anonymous_id=other))
            model.track(one, other)
        elif one and other:
            messages.append(message("alias", user_id=one, previous_id=other))
            model.alias(one, other)
    people = fold_of(*messages).people
    found: dict[object, set[str]] = {}
    for name in [*(Name(USER, user) for user in USERS), *(Name(ANONYMOUS, device) for device in DEVICES)]:
        if name in people.leads:
            found.setdefault(people.final(people.leads[name]), set()).add(name.value)
    assert sorted(map(sorted, found.values())) == sorted(sorted(person) for person in model.people)
