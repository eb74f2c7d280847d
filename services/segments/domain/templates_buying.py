"""Ready-made definitions about what people bought, how often and how long ago."""

from services.segments.domain.templates_parameters import Amount, Count, Parameter, Span, Word
from services.segments.domain.templates_parts import (
    ORDER,
    all_of,
    an_order_older_than,
    different_orders,
    happened,
    never,
    one_order,
    spend,
)
from services.segments.domain.templates_shape import Template
from shared.language.exact import Number
from shared.language.reading import Object


def _money(default: int) -> tuple[Parameter, ...]:
    return (
        Amount("amount", "At least so much", default),
        Word("basis", "Which number of an order is meant", "total", options=("total", "revenue", "subtotal")),
        Word(
            "currency", "Orders in this currency only, such as EUR; null: all, added as they are", None, nullable=True
        ),
    )


def _spent(amount: Number, basis: str, currency: str | None, within: str | None = None) -> Object:
    return spend(basis, ">=", amount, currency=currency, within=within)


SPENT_IN_TOTAL = Template(
    "spent-in-total",
    "Spent a lot in total",
    "All orders together, ever, less refunds and cancellations, come to at least the amount.",
    _money(500),
    _spent,
)
SPENT_LATELY = Template(
    "spent-lately",
    "Spent a lot lately",
    "The orders of the last while, less refunds and cancellations, come to at least the amount.",
    (*_money(200), Span("within", "Orders that are not older", "P90D")),
    _spent,
)
BIG_SPENDERS = Template(
    "big-spenders",
    "Big spenders",
    "Those who bring in the most themselves: a large amount in a year. Who brings others is an advocate.",
    (*_money(1000), Span("within", "Orders that are not older", "P365D")),
    _spent,
)
VIP = Template(
    "vip",
    "VIP",
    "Spent at least the amount and ordered at least so many times, both in the same time.",
    (
        *_money(500),
        Count("orders", "At least so many orders", 5, "orders"),
        Span("within", "Orders that are not older", "P365D"),
    ),
    lambda amount, basis, currency, orders, within: all_of(
        _spent(amount, basis, currency, within), different_orders(ORDER, orders, within)
    ),
)
FIRST_PURCHASE = Template(
    "first-purchase",
    "First purchase",
    "Bought for the first time, not long ago, and not a second time yet.",
    (Span("within", "The order is not older", "P30D"),),
    lambda within: {"all": [one_order(), happened(ORDER, within=within)]},
)
SECOND_PURCHASE_DUE = Template(
    "second-purchase-due",
    "Second purchase due",
    "Ordered exactly once, a while ago, and has not come back.",
    (Span("after", "The order is at least so old", "P30D"),),
    lambda after: {"all": [one_order(), never(ORDER, within=after)]},
)
_QUIET = Span("after", "Nothing was ordered for so long", "P60D")
LAPSING = Template(
    "lapsing",
    "Lapsing",
    "Has bought, then nothing for a while, but is not lapsed yet: the last order lies between the two.",
    (_QUIET, Span("lapsed_after", "From then on it is lapsed", "P180D")),
    lambda after, lapsed_after: all_of(happened(ORDER, within=lapsed_after), never(ORDER, within=after)),
    rising=("after", "lapsed_after"),
)
LAPSED = Template(
    "lapsed",
    "Lapsed",
    "Has bought, but nothing for a long while.",
    (Span("after", "Nothing was ordered for so long", "P180D"),),
    lambda after: all_of(happened(ORDER), never(ORDER, within=after)),
)
ONE_OFF_BUYERS = Template(
    "one-off-buyers",
    "One-off buyers",
    "Ordered exactly once, ever. With rare and regular buyers these are all who ever bought, each in one of the three.",
    (),
    one_order,
)
_REGULAR = (
    Count("regular_from", "So many orders in that time make a regular buyer", 4, "orders", least=2),
    Span("within", "Orders that are not older", "P365D"),
)
RARE_BUYERS = Template(
    "rare-buyers",
    "Rare buyers",
    "Ordered more than once, but not so often in the last while that it is regular.",
    _REGULAR,
    lambda regular_from, within: all_of(
        different_orders(ORDER, 2), {"not": different_orders(ORDER, regular_from, within)}
    ),
)
REGULAR_BUYERS = Template(
    "regular-buyers",
    "Regular buyers",
    "Ordered often in the last while.",
    _REGULAR,
    lambda regular_from, within: different_orders(ORDER, regular_from, within),
)

_NEW = Span("new_for", "New for so long after the first order", "P30D")
_AT_RISK = Span("at_risk_after", "At risk when nothing was ordered for so long", "P90D")
_LOST = Span("lost_after", "Lost when nothing was ordered for so long", "P365D")
_STAGES = "The stages new, active, at risk and lost are all who ever bought, each in one of them, if they are made with the same times."
LIFECYCLE_NEW = Template(
    "lifecycle-new",
    "Stage: new",
    f"Bought for the first time not long ago. {_STAGES}",
    (_NEW,),
    lambda new_for: all_of(happened(ORDER), {"not": an_order_older_than(new_for)}),
)
LIFECYCLE_ACTIVE = Template(
    "lifecycle-active",
    "Stage: active",
    f"No longer new, and bought not long ago. {_STAGES}",
    (_NEW, _AT_RISK),
    lambda new_for, at_risk_after: all_of(an_order_older_than(new_for), happened(ORDER, within=at_risk_after)),
    rising=("new_for", "at_risk_after"),
)
LIFECYCLE_AT_RISK = Template(
    "lifecycle-at-risk",
    "Stage: at risk",
    f"Has not bought for a while, but is not lost yet. {_STAGES}",
    (_AT_RISK, _LOST),
    lambda at_risk_after, lost_after: all_of(happened(ORDER, within=lost_after), never(ORDER, within=at_risk_after)),
    rising=("at_risk_after", "lost_after"),
)
LIFECYCLE_LOST = Template(
    "lifecycle-lost",
    "Stage: lost",
    f"Has bought, but not for a very long while. {_STAGES}",
    (_LOST,),
    lambda lost_after: all_of(happened(ORDER), never(ORDER, within=lost_after)),
)

BUYING = (
    SPENT_IN_TOTAL,
    SPENT_LATELY,
    VIP,
    BIG_SPENDERS,
    FIRST_PURCHASE,
    SECOND_PURCHASE_DUE,
    ONE_OFF_BUYERS,
    RARE_BUYERS,
    REGULAR_BUYERS,
    LAPSING,
    LAPSED,
    LIFECYCLE_NEW,
    LIFECYCLE_ACTIVE,
    LIFECYCLE_AT_RISK,
    LIFECYCLE_LOST,
)
