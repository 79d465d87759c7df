"""What the framework calls beside handlers: middleware, error handlers and lifespans.

Law: these get what they are called with and nothing else. A parameter, a default or a note that asks for more is
refused at compile: a guard whose user is a mark of another framework would let everybody in.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from hinge.binding.foreign import call_of, shown
from hinge.binding.mistakes import INJECTED_NAMES, is_injected, is_namesake, is_value
from hinge.binding.notes import Notes
from hinge.binding.params import Called, Param, split
from hinge.binding.spelling import call_text, misused
from hinge.errors import ConfigurationError
from hinge.inspection.annotations import members
from hinge.inspection.signature import parameters_of

OFF_REQUEST = "read it off the request: request.query, request.headers, request.state"


class Callback(NamedTuple):
    """A function that is called with `gives`, one argument for each of the first `given` parameters."""

    function: Callable[..., Any]
    who: str
    """The start of every message about it."""
    what: str
    gives: str
    given: int
    reads: str
    """What to write in place of a parameter that nobody fills."""

    def mistakes(self, notes: Notes) -> Iterator[str]:
        """Yield what is wrong with its parameters, a line each."""
        try:
            found = list(parameters_of(self.function, self.who))
        except ConfigurationError as error:
            yield str(error)
            return
        for index, (parameter, annotation) in enumerate(found):
            try:
                self._check(parameter, annotation, notes, is_given=index < self.given)
            except ConfigurationError as error:
                yield str(error)

    def _check(self, parameter: inspect.Parameter, annotation: Any, notes: Notes, *, is_given: bool) -> None:
        who, default = f"{self.who}: parameter {parameter.name!r}", parameter.default
        alone = f"and the {self.what} is called with {self.gives} alone"
        is_bare = annotation is parameter.empty
        if default is not parameter.empty and not _is_plain(default, annotation):
            raise ConfigurationError(
                f"{who} has {_shown(default)} for its default, {alone}. Fix: {self._fix(parameter)}"
            )
        named = [] if is_bare else members(annotation)
        is_injected_name = is_bare and default is not parameter.empty and parameter.name in INJECTED_NAMES
        if not is_given and (is_injected_name or any(map(is_injected, named))):
            raise ConfigurationError(
                f"{who} is left to its default, {alone}. Fix: leave the default out, or the parameter"
            )
        if is_bare:
            return
        marker = next(misused(annotation), None) or next(iter(split(annotation)[0]), None)
        if marker is not None:
            raise ConfigurationError(f"{who} is annotated with {_shown(marker)}, {alone}. Fix: {self.reads}")
        notes.of_callback(annotation, who, parameter.name, self.what)
        if namesake := next(filter(is_namesake, named), None):
            full = f"{namesake.__module__}.{namesake.__qualname__}"
            raise ConfigurationError(
                f"{who} is a {full}, which nobody gives. Fix: from hinge import {namesake.__name__}"
            )

    def _fix(self, parameter: inspect.Parameter) -> str:
        called = call_of(parameter.default, parameter.name, self.what)
        if called is not None:
            return called
        if isinstance(parameter.default, Called | Param):
            return self.reads
        return f"a plain value, or {self.reads}"


def _is_plain(default: Any, annotation: Any) -> bool:
    return not (inspect.isroutine(default) or inspect.isclass(default)) and is_value(default, annotation)


def _shown(mark: Any) -> str:
    return call_text(mark) if isinstance(mark, Called) else shown(mark)
