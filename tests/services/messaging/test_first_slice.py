"""From an entry into a segment to the mail, its decision and its outcome."""

from tests.services.messaging.conftest import Messaging
from tests.services.messaging.neighbours import consent


async def test_who_enters_with_consent_gets_one_mail(messaging: Messaging) -> None:
    await messaging.campaign()
    ada = messaging.near.add_person(user_id="ada")
    bob = messaging.near.add_person(user_id="bob", consents=[])
    await messaging.enter(ada, bob)
    await messaging.settle()
    [mail] = await messaging.mailbox()
    assert (mail["to"], mail["subject"], mail["text"]) == ("ada@example.com", "Hi", "Hi Ada")
    assert mail["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert await messaging.decided() == {str(ada): "sent", str(bob): "no_consent"}
    outcomes = [row["message"] for row in await messaging.rows("SELECT message FROM feed")]
    assert len(outcomes) == 1
    assert '"name":"Email Sent"' in outcomes[0]
    assert consent()["status"] == "granted"
