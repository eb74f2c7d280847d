"""Ready-made definitions about what people do beside buying: carts, looking, sending back, telling others."""

from services.segments.domain.templates_parameters import Amount, Count, Span, Word
from services.segments.domain.templates_parts import ORDER, all_of, different_orders, happened, never, spend
from services.segments.domain.templates_shape import Template
from shared.language.exact import Number
from shared.language.reading import Object


def _abandoned(event: str, after: str, within: str) -> Object:
    steps = [{"event": event}, {"event": ORDER, "absent": True}]
    return all_of({"sequence": steps, "gap": after, "within": within}, never(ORDER, within=within))


def _viewed_not_bought(after: str, within: str) -> Object:
    that_one = {"property": "product_id", "op": "=", "value_of": {"first": "product_id"}}
    order = {"event": ORDER, "absent": True, "where": [{"each": "products", "where": [that_one]}]}
    return {"sequence": [{"event": "Product Viewed"}, order], "gap": after, "within": within}


def _advocates(
    referrals: int, reviews: int, within: str, referral_event: str | None, spent_under: Number | None
) -> Object:
    sharing = ["Cart Shared", "Product Shared", *([] if referral_event is None else [referral_event])]
    return all_of(
        happened(sharing, at_least=referrals, within=within),
        happened("Product Reviewed", at_least=reviews, within=within),
        None if spent_under is None else spend("total", "<", spent_under, within=within),
    )


ABANDONED_CART = Template(
    "abandoned-cart",
    "Abandoned cart",
    "Put something into the cart, and did not order for a while after. Ends with the next order, and when the cart is old. Who "
    "ordered shortly before is spared.",
    (
        Word(
            "event",
            "What counts as a cart",
            "Product Added",
            options=("Product Added", "Cart Viewed", "Checkout Started", "Payment Info Entered"),
        ),
        Span("after", "No order for so long after it", "PT4H"),
        Span("within", "The cart is not older, and nothing was ordered in that time", "P3D"),
    ),
    _abandoned,
    rising=("after", "within"),
)
BROWSED_WITHOUT_BUYING = Template(
    "browsed-without-buying",
    "Browsed without buying",
    "Looked at products several times lately, and ordered nothing in that time.",
    (
        Count("views", "At least so many products viewed", 3, "views"),
        Span("within", "Not longer ago", "P7D"),
    ),
    lambda views, within: all_of(
        happened("Product Viewed", at_least=views, within=within), never(ORDER, within=within)
    ),
)
VIEWED_NOT_BOUGHT = Template(
    "viewed-not-bought",
    "Viewed, not bought",
    "Looked at a product, and did not order that one for a while after, whatever else they ordered. By `product_id`, which an "
    "order has in its `products`. Ends when the last such look is old; an order that comes later than the while does not end it.",
    (
        Span("after", "That product not ordered for so long after it", "P3D"),
        Span("within", "Looked at not longer ago", "P7D"),
    ),
    _viewed_not_bought,
    rising=("after", "within"),
)
REFUND_HEAVY = Template(
    "refund-heavy",
    "Sends much back",
    "Several orders were refunded in a time with not many more orders than that.",
    (
        Count("refunds", "At least so many orders refunded", 3, "orders"),
        Count("orders", "Out of at most so many orders", 6, "orders"),
        Span("within", "Orders and refunds that are not older", "P365D"),
    ),
    lambda refunds, orders, within: all_of(
        different_orders("Order Refunded", refunds, within), {"not": different_orders(ORDER, orders + 1, within)}
    ),
)
ADVOCATES = Template(
    "advocates",
    "Advocates",
    "Those who send others: they share or refer, and review. They need not spend much themselves; with `spent_under` only "
    "those who do not.",
    (
        Count("referrals", "Shared or referred at least so often", 1, "times", least=0),
        Count("reviews", "Reviewed at least so often", 1, "reviews", least=0),
        Span("within", "Not longer ago", "P365D"),
        Word("referral_event", "An event of yours that is a referral, beside sharing", "Invite Sent", nullable=True),
        Amount("spent_under", "Spent less than that in the same time; null: whatever they spend", None, nullable=True),
    ),
    _advocates,
)

DOING = (ABANDONED_CART, BROWSED_WITHOUT_BUYING, VIEWED_NOT_BOUGHT, REFUND_HEAVY, ADVOCATES)
