"""Ready-made definitions: each a condition with a few parameters, in plain words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from services.segments.domain.templates_parameters import Parameter, read_parameter, show_parameter
from shared.language.durations import parse_duration
from shared.language.errors import ConditionError, Fault
from shared.language.reading import Object


@dataclass(frozen=True, slots=True)
class Template:
    """`make` gets every parameter by its name. `rising`: durations of which each must be longer than the one before."""

    key: str
    name: str
    description: str
    parameters: tuple[Parameter, ...]
    make: Callable[..., Object]
    rising: tuple[str, ...] = ()

    def fill(self, given: Mapping[str, object]) -> Object:
        """The condition, with defaults for what is not given. Raises ConditionError with every fault."""
        faults: list[Fault] = []
        values: dict[str, object] = {}
        for parameter in self.parameters:
            try:
                values[parameter.name] = read_parameter(parameter, given)
            except ValueError as error:
                faults.append({"loc": [parameter.name], "msg": str(error)})
        faults += [{"loc": [name], "msg": "is not known here"} for name in given if name not in self._names]
        faults = faults or self._out_of_order(values)
        if faults:
            raise ConditionError(faults)
        return self.make(**values)

    @property
    def _names(self) -> set[str]:
        return {parameter.name for parameter in self.parameters}

    def _out_of_order(self, values: Mapping[str, object]) -> list[Fault]:
        return [
            {"loc": [longer], "msg": f"must be longer than {shorter}"}
            for shorter, longer in pairwise(self.rising)
            if parse_duration(values[shorter]) >= parse_duration(values[longer])
        ]

    def shown(self) -> Object:
        """With the condition that the defaults make."""
        named: Object = {"key": self.key, "name": self.name, "description": self.description}
        return {
            **named,
            "parameters": [show_parameter(parameter) for parameter in self.parameters],
            "condition": self.fill({}),
        }
