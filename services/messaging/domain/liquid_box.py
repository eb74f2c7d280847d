"""Liquid in a box: no files, no includes, and bounds on work, memory and output, whatever the template says."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from liquid import Environment, RenderContext
from liquid.exceptions import LiquidError, ResourceLimitError
from liquid.template import BoundTemplate
from liquid.undefined import StrictDefaultUndefined, Undefined

from services.messaging.domain.liquid_numbers import NUMBER_FILTERS, Plain

LONGEST_TEMPLATE = 256 * 1024  # characters
LARGEST_OUTPUT = 1024 * 1024  # bytes
LARGEST_VALUE = 256 * 1024  # characters, of all parts of a value that a filter makes
MOST_STEPS = 50_000  # nodes and filters, of which a mail has a few hundred
MOST_ITERATIONS = 10_000
LONGEST_RENDERING = 1.0  # seconds; steps bound it on any machine, this one where a single step is dear


class TemplateFault(ValueError):
    """The template can't be read or rendered. Its text is for the template's author and quotes no data."""


class _Box(RenderContext):
    """A render context that counts the work done in it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._steps = 0
        self._iterations = 0
        self._until = time.monotonic() + LONGEST_RENDERING
        super().__init__(*args, **options)

    @property  # type: ignore[override]
    def disabled_tags(self) -> tuple[str, ...]:
        """None. Every node asks before it renders itself, which is where it is counted."""
        self.charge(1)
        return ()

    @disabled_tags.setter
    def disabled_tags(self, _: object) -> None:
        pass

    def charge(self, steps: int) -> None:
        self._steps += steps
        if self._steps > MOST_STEPS or time.monotonic() > self._until:
            raise ResourceLimitError("the template does too much", token=None)

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Of all loops together: the library's own limit is of each nest of loops by itself."""
        self._iterations += length
        if self._iterations > MOST_ITERATIONS:
            raise ResourceLimitError("the template loops too often", token=None)

    def get_item(self, obj: Any, key: Any) -> Any:
        """Liquid's `first`, `last`, `size` of an object would show something else where one of that name is missing."""
        if key in ("first", "last", "size") and isinstance(obj, Mapping):
            return obj[key]
        return super().get_item(obj, key)

    def filter(self, name: str, token: Any) -> Callable[..., object]:
        found = super().filter(name, token)

        def bounded(value: object, *args: object, **options: object) -> object:
            self.charge(1 + weigh([value, *args]) // 1024)
            if result_size(name, value, args) > LARGEST_VALUE:
                raise ResourceLimitError("a value becomes too large", token=token)
            result = found(value, *args, **options)
            if weigh(result) > LARGEST_VALUE:
                raise ResourceLimitError("a value becomes too large", token=token)
            return result

        return bounded


class _Template(BoundTemplate):
    context_class = _Box


class _Environment(Environment):
    template_class = _Template
    output_stream_limit = LARGEST_OUTPUT
    local_namespace_limit = 4 * 1024 * 1024
    block_nesting_limit = 30

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        for tag in ("include", "render"):
            del self.tags[tag]
        self.filters.update(NUMBER_FILTERS)


def weigh(value: object) -> int:
    """The characters in a value, counted no further than it matters."""
    total, pending = 0, [value]
    while pending and total <= LARGEST_VALUE:
        one = pending.pop()
        if issubclass(type(one), Undefined):  # isinstance would ask the strict one for its class, which it refuses
            continue
        if isinstance(one, str):
            total += len(one)
        elif isinstance(one, Mapping):
            pending.extend(one.values())
            total += 8 * len(one)
        elif isinstance(one, list | tuple):
            pending.extend(one)
            total += 8 * len(one)
        else:
            total += 8
    return total


def result_size(name: str, value: object, args: tuple[object, ...]) -> int:
    """How large the result can become of filters that multiply, known before they do it."""
    if name in ("replace", "join") and args:
        if name == "join":
            return weigh(value) + (len(value) if isinstance(value, list | tuple) else 1) * len(str(args[0]))
        text, sought, by = str(value), str(args[0]), str(args[1] if len(args) > 1 else "")
        return len(text) + text.count(sought) * len(by)
    return 0


class _Noted(Undefined):
    """Prints nothing, and is noted wherever the strict one would be a fault: by all but the filter `default`."""

    __slots__ = ()
    force_liquid_default = True

    def __getattribute__(self, name: str) -> Any:
        if name not in StrictDefaultUndefined.allowed_properties:
            note(self)
        return object.__getattribute__(self, name)

    def __contains__(self, item: object) -> bool:
        note(self)
        return False

    def __eq__(self, other: object) -> bool:
        note(self)
        return super().__eq__(other)

    def __getitem__(self, key: str) -> object:
        note(self)
        return self

    def __len__(self) -> int:
        note(self)
        return 0

    def __iter__(self) -> Iterator[Any]:
        note(self)
        return iter([])

    def __str__(self) -> str:
        note(self)
        return ""

    def __int__(self) -> int:
        note(self)
        return 0

    def __hash__(self) -> int:
        note(self)
        return hash(self.name)

    def __reversed__(self) -> list[Any]:
        note(self)
        return []


_noted: ContextVar[set[str] | None] = ContextVar("noted", default=None)


def note(unknown: _Noted) -> None:
    """Keep its path as far as it is known: `profile.traits.city`."""
    names = _noted.get()
    if names is not None:
        hint = object.__getattribute__(unknown, "hint")
        name = hint.removesuffix(" is undefined") if hint else object.__getattribute__(unknown, "name")
        names.add(name.strip("'\""))


@lru_cache(maxsize=6)
def _environment(*, html: bool, undefined: type[Undefined]) -> _Environment:
    return _Environment(autoescape=html, undefined=undefined)


def parse(source: str, *, html: bool, strict: bool = False) -> BoundTemplate:
    """The template. With `html`, values are escaped; with `strict`, an unknown name is a fault. Raises TemplateFault."""
    return _parse(source, html=html, undefined=StrictDefaultUndefined if strict else Undefined)


@lru_cache(maxsize=2000)
def _parse(source: str, *, html: bool, undefined: type[Undefined]) -> BoundTemplate:
    if len(source) > LONGEST_TEMPLATE:
        raise TemplateFault(f"A template has at most {LONGEST_TEMPLATE} characters.")
    try:
        template = _environment(html=html, undefined=undefined).from_string(source)
        unknown = sorted(set(template.analyze(include_partials=False).filters) - set(template.env.filters))
    except LiquidError as error:
        raise TemplateFault(_explain(error)) from error
    except RecursionError as error:
        raise TemplateFault("The template is nested too deeply.") from error
    if unknown:
        raise TemplateFault(f"There is no filter {unknown[0]!r}.")
    return template


def render(source: str, values: Mapping[str, object], *, html: bool, strict: bool = False) -> str:
    """The text. `values` must have passed `presentable`. Raises TemplateFault."""
    return _render(parse(source, html=html, strict=strict), values)


def unknown_names(source: str, values: Mapping[str, object], *, html: bool) -> set[str]:
    """The names that it asks for and `values` do not have, where `strict` would be a fault. Raises TemplateFault."""
    template = _parse(source, html=html, undefined=_Noted)
    names: set[str] = set()
    before = _noted.set(names)
    try:
        _render(template, values)
    finally:
        _noted.reset(before)
    return names


def _render(template: BoundTemplate, values: Mapping[str, object]) -> str:
    try:
        return template.render(**values)
    except LiquidError as error:
        raise TemplateFault(_explain(error)) from error
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
        # Filters of the library meet values of any kind; what they stumble over is the template's fault, not ours.
        raise TemplateFault(f"The template can't be rendered ({type(error).__name__}).") from error


def _explain(error: LiquidError) -> str:
    # Only the first line: the others quote the source, and messages of filters may quote values.
    if isinstance(error, ResourceLimitError):
        return f"Over a limit: {str(error).splitlines()[0][:200]}."
    position = error.context() if error.token is not None else None
    place = f" (line {position[0]})" if position else ""
    return f"{type(error).__name__}: {str(error).splitlines()[0][:200]}{place}"


def presentable(value: object) -> Any:
    """Data for a template: decimals print plainly, times as RFC 3339."""
    if value is None or type(value) in (str, int, bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): presentable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [presentable(inner) for inner in value]
    if isinstance(value, Decimal):
        return Plain(value)
    if isinstance(value, datetime | date):
        return value.isoformat().replace("+00:00", "Z")
    return value
