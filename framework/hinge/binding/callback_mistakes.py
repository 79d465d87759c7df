"""What is wrong with the parameters of middleware, error handlers and lifespans.

Law: a parameter, a default or a note that asks for more than a callback is called with is refused at compile: a guard
whose user is a mark of another framework would let everybody in.
"""

import inspect
from collections.abc import Iterator
from typing import Any

from hinge.binding.callbacks import SESSION, Callback, is_session
from hinge.binding.foreign import call_of, shown
from hinge.binding.mistakes import INJECTED_NAMES, is_injected, is_namesake, is_value
from hinge.binding.notes import Notes
from hinge.binding.params import Called, Dependency, Param, dependency_of, split
from hinge.binding.spelling import call_text, misused
from hinge.errors import ConfigurationError
from hinge.inspection.annotations import members
from hinge.inspection.signature import parameters_of


def callback_mistakes(callback: Callback, notes: Notes) -> Iterator[str]:
    """Yield what is wrong with the parameters of a callback, a line each."""
    try:
        found = list(parameters_of(callback.function, callback.who))
    except ConfigurationError as error:
        yield str(error)
        return
    for index, (parameter, annotation) in enumerate(found):
        try:
            _check(callback, parameter, annotation, notes, is_given=index < callback.given)
        except ConfigurationError as error:
            yield str(error)


def _check(callback: Callback, parameter: inspect.Parameter, annotation: Any, notes: Notes, *, is_given: bool) -> None:
    if callback.what == "lifespan" and dependency_of(parameter, annotation) is not None:
        return  # that of an app-scoped provider, which it is given
    who, default = f"{callback.who}: parameter {parameter.name!r}", parameter.default
    alone = f"and the {callback.what} is called with {callback.gives} alone"
    is_bare = annotation is parameter.empty
    if default is not parameter.empty and not _is_plain(default, annotation):
        raise ConfigurationError(
            f"{who} has {_shown(default)} for its default, {alone}. Fix: {_fix(callback, parameter)}"
        )
    named = [] if is_bare else members(annotation)
    is_injected_name = is_bare and default is not parameter.empty and parameter.name in INJECTED_NAMES
    if not is_given and (is_injected_name or any(map(is_injected, named))):
        raise ConfigurationError(f"{who} is left to its default, {alone}. Fix: leave the default out, or the parameter")
    if is_bare:
        return
    marker = next(misused(annotation), None) or next(iter(split(annotation)[0]), None)
    if marker is not None:
        raise ConfigurationError(f"{who} is annotated with {_shown(marker)}, {alone}. Fix: {callback.reads}")
    notes.of_callback(annotation, who, parameter.name, callback.what)
    if callback.what != "lifespan" and any(map(is_session, named)):
        raise ConfigurationError(f"{who} is a Session, {alone}. Fix: {SESSION}")
    if namesake := next(filter(is_namesake, named), None):
        full = f"{namesake.__module__}.{namesake.__qualname__}"
        raise ConfigurationError(f"{who} is a {full}, which nobody gives. Fix: from hinge import {namesake.__name__}")


def _fix(callback: Callback, parameter: inspect.Parameter) -> str:
    called = call_of(parameter.default, parameter.name, callback.what)
    if called is not None:
        return called
    if isinstance(parameter.default, Called | Param):
        return callback.reads
    return f"a plain value, or {callback.reads}"


def _is_plain(default: Any, annotation: Any) -> bool:
    return not (inspect.isroutine(default) or inspect.isclass(default)) and is_value(default, annotation)


def _shown(mark: Any) -> str:
    if isinstance(mark, Dependency):
        return "Depends(...)"
    return call_text(mark) if isinstance(mark, Called) else shown(mark)
