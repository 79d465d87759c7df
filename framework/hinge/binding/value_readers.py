"""Plan -> what makes the values of its arguments of texts, fields and bodies, wherever a backend has them.

Law: it is made once for each plan, and what cannot be made is refused here, at compile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hinge.binding.convert import converter
from hinge.binding.head_records import record_reader
from hinge.binding.plan import Argument, HandlerPlan, Source
from hinge.binding.records import collection_reader, filling
from hinge.errors import ConfigurationError
from hinge.forms.upload import UploadFile
from hinge.inspection.annotations import without_unset
from hinge.inspection.custom_types import custom_type
from hinge.inspection.decodable import unknown_class
from hinge.inspection.hashable import never_hashed
from hinge.inspection.models import is_model


def check(plan: HandlerPlan) -> None:
    """Find out whether a plan can be bound, without binding it.

    Raises:
        ConfigurationError: a parameter's type cannot come from its source.
    """
    if plan.arguments:
        readers_of(plan)


def readers_of(plan: HandlerPlan) -> Readers:
    """Return what reads the arguments of a plan, which is made once: whoever checks an app compiles it next."""
    kept = vars(plan)
    if "readers" not in kept:
        kept["readers"] = Readers(plan)
    readers: Readers = kept["readers"]
    return readers


class Readers:
    """What makes the values of a plan's arguments of texts, fields and bodies, wherever a backend has them."""

    def __init__(self, plan: HandlerPlan) -> None:
        self._plan = plan
        self.converters: dict[str, Any] = {
            argument.name: self._converter(argument)
            for argument in plan.arguments
            if argument.source in (Source.PATH, Source.QUERY, Source.HEADER, Source.COOKIE, Source.FORM)
        }
        self.fills = {
            argument.name: filling(argument.type, plan.types)
            for argument in plan.arguments
            if argument.source is Source.QUERY and not argument.whole
        }
        self.decoder = self._decoder()
        if plan.reads_form:
            self._check_form()

    def _converter(self, argument: Argument) -> Callable[[Any], Any]:
        """Return what makes the value: from its text, from all texts of a repeated key, from the grouped fields."""
        if argument.many or argument.whole:
            self._check_hashed(argument)
        try:
            if argument.source is Source.FORM:
                from hinge.binding.form_arguments import form_argument  # noqa: PLC0415 - only forms need it

                return form_argument(argument, self._plan.types)
            if argument.whole:
                return record_reader(argument, self._plan.types)
            if argument.many:
                return collection_reader(argument.type, argument.source.value, argument.alias, self._plan.types)
            return converter(without_unset(argument.type), self._plan.types)
        except (ConfigurationError, TypeError) as error:
            raise self._refuse(argument, str(error)) from None

    def _decoder(self) -> Callable[..., Any] | None:
        body = self._plan.body
        if body is None or not self._plan.decodes_body:
            return None
        from hinge.codecs import body_decoder, is_of_msgspec  # noqa: PLC0415 - only routes with bodies pay for it

        try:
            decoder = body_decoder(body.type, codecs=self._plan.reads)
        except (ConfigurationError, TypeError, NameError, AttributeError) as error:
            raise self._refuse(body, f"msgspec cannot decode it: {error}") from None
        self._check_hashed(body)
        unknown = unknown_class(body.type, self._plan.types.knows)
        # A codec of the app's own may know it.
        if unknown is not None and any(is_of_msgspec(codec.decoder) for codec in self._plan.reads):
            raise self._refuse(
                body,
                f"msgspec cannot decode it: it does not know the class {getattr(unknown, '__qualname__', unknown)}",
                "mark it with Form[...]"
                if unknown is UploadFile
                else f"make it a msgspec.Struct or a dataclass, take bytes or a BodyStream, or {custom_type(unknown)}",
            )
        return decoder

    def _check_hashed(self, argument: Argument) -> None:
        never = never_hashed(argument.type)
        if never is not None:
            raise self._refuse(argument, never.why, never.fix)

    def _refuse(self, argument: Argument, why: str, fix: str | None = None) -> ConfigurationError:
        return ConfigurationError(
            f"{self._plan.describe()}: {argument.source.value} parameter {argument.name!r}: {why}. "
            f"Fix: {fix or _fix(argument)}"
        )

    def _check_form(self) -> None:
        from hinge.binding.form_arguments import check_form  # noqa: PLC0415 - only forms need it

        try:
            check_form(self._plan)
        except ConfigurationError as error:
            raise ConfigurationError(f"{self._plan.describe()}: {error}") from None


def _fix(argument: Argument) -> str:
    unknown = unknown_class(argument.type)
    if is_model(unknown):
        return "take a Struct or a dataclass for several fields; a model of pydantic is a body"
    if argument.source is Source.BODY:
        return "take types that msgspec knows, bytes for the undecoded body, or a BodyStream"
    if argument.source is Source.QUERY and argument.marker is None:
        if unknown is not None:
            return _fix_unmarked(argument.name, unknown)
        return "take a type that a text becomes, or mark it with Body[...] if it is the body"
    also = f", or {custom_type(unknown)}" if unknown is not None else ""
    return f"take a type that a text becomes, such as str, int or an Enum{also}"


def _fix_unmarked(name: str, unknown: Any) -> str:
    """Return what to write for an unmarked parameter of a class that is neither a value nor a body."""
    called = getattr(unknown, "__qualname__", unknown)
    if getattr(unknown, "__module__", "").partition(".")[0] == "hinge":  # one that reads the request by itself
        return f"{name}: Annotated[{called}, Depends()]"
    provided = f"{name}: Annotated[{called}, Depends(provider)] if a function of yours gives it"
    body = "make it a msgspec.Struct or a dataclass if it is the body"
    return f"{provided}, take a type that a text becomes, {body}, or {custom_type(unknown)}"
