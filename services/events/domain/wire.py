"""A message as SDKs write it."""

from decimal import Decimal
from typing import Any

import msgspec

ABSENT = msgspec.Raw(b"")


class Objects(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    """What a payload is made of. Objects stay as they stand, unless something in them is needed."""

    name: Any = None
    category: Any = None
    group_id: Any = None
    properties: msgspec.Raw = ABSENT
    traits: msgspec.Raw = ABSENT
    context: msgspec.Raw = ABSENT


class Wire(Objects, rename="camel", gc=False, kw_only=True):
    """A message whose fields may be of any type."""

    type: Any = None
    event: Any = None
    message_id: Any = None
    user_id: Any = None
    anonymous_id: Any = None
    previous_id: Any = None
    timestamp: Any = None
    original_timestamp: Any = None
    sent_at: Any = None


class WireIds(msgspec.Struct, rename="camel", gc=False):
    """Just the ids, where the rest makes no sense."""

    message_id: Any = None
    user_id: Any = None
    anonymous_id: Any = None


decode_wire = msgspec.json.Decoder(Wire, float_hook=Decimal).decode
decode_ids = msgspec.json.Decoder(WireIds).decode
