"""Pages made of templates, by Jinja.

Law: what becomes HTML is escaped, whatever a template's name ends with behind `.html`, and so is all that it includes,
imports or extends; a template that is not escaped never goes out as HTML. What is wrong with a folder or a name is an
error where it is written; what is wrong in a template names the template and its line.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from hinge.diagnostics.location import caller, placed, shorten
from hinge.diagnostics.misuse import nearest
from hinge.errors import ConfigurationError
from hinge.extras import install
from hinge.inspection.signature import Colour, colour_of
from hinge.request import HTTPConnection
from hinge.responses.response import HTMLResponse, Pairs

ESCAPED = frozenset({"html", "htm", "xhtml", "xml", "svg"})
"""The endings of names whose templates are escaped, also in front of another one: `page.html.j2`."""

ContextProcessor = Callable[[Any], Mapping[str, Any]]
"""`request -> names for every template`, a plain function."""


_ELSEWHERE = {
    "TemplateResponse": "templates('page.html', request, name=value)",
    "env": "templates.environment",
    "get_template": "templates['page.html']",
}
"""What other frameworks have in its place, and what to write here."""


class Templates:
    """Answer with the templates of one directory, or of several, the first one that has a name.

    `templates("page.html", request, user=user)` is an `HTMLResponse`; `templates["page.html"]` is one page, looked up
    and parsed at once. A template sees what it is given, what the `context_processors` return, `request` and `url_for`;
    any other name is an error. `options` are those of `jinja2.Environment`; it is `environment`, for filters
    and the like.

    Raises:
        ConfigurationError: there is no such directory, jinja2 is not installed, or an argument is wrong.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        context_processors: Iterable[ContextProcessor] = (),
        **options: Any,
    ) -> None:
        where = f"Templates(...) ({caller()})"
        folders = [directory] if isinstance(directory, str | os.PathLike) else [*directory]
        for folder in folders:
            if not os.path.isdir(folder):  # noqa: PTH112 - whatever the caller has
                raise ConfigurationError(
                    f"{where}: {os.fspath(folder)!r} is no directory, seen from {os.getcwd()}. "  # noqa: PTH109
                    "Fix: Templates(Path(__file__).parent / 'templates')"
                )
        try:
            jinja = import_module("jinja2")
        except ImportError:
            raise ConfigurationError(f"{where}: it needs jinja2. Fix: {install('templates')}") from None
        if options.get("enable_async"):
            raise ConfigurationError(
                f"{where}: enable_async has no use, a template waits for nothing. Fix: leave it out"
            )
        self._roots = tuple(os.path.join(os.path.abspath(folder), "") for folder in folders)  # noqa: PTH100, PTH118
        self._processors = [_checked(one, where) for one in context_processors]
        defaults = {
            "loader": jinja.FileSystemLoader(self._roots),
            "autoescape": is_escaped,
            "undefined": jinja.StrictUndefined,
        }
        self.environment: Any = jinja.Environment(**defaults | options)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            said = f"Templates has no attribute {name!r}"
            if name in _ELSEWHERE:
                said += f". Fix: {_ELSEWHERE[name]}"
            raise AttributeError(said, name=name, obj=self)

    def __call__(
        self,
        name: str,
        request: HTTPConnection,
        values: Mapping[str, Any] | None = None,
        /,
        *,
        status: int = 200,
        headers: Pairs | None = None,
        **named: Any,
    ) -> HTMLResponse:
        """Return a template's text as a response; `values` are for names that are taken here, such as `status`.

        Raises:
            ValueError: the template is not escaped.
            jinja2.TemplateError: there is no such template, or it is wrong.
        """
        return self._page(self._template(name), request, values, named, status, headers)

    def __getitem__(self, name: str) -> "Page":
        """Return a page: `page(request, user=user)` is a response.

        Raises:
            ConfigurationError: there is no such template, it cannot be parsed, or is not escaped.
        """
        where = f"Templates[{name!r}] ({caller()})"
        try:
            template = self._template(name)
            self._check_escaped(name)
        except (import_module("jinja2").TemplateError, ValueError, TypeError) as error:
            text = " ".join([str(error), *getattr(error, "__notes__", ())])
            raise ConfigurationError(f"{where}: {text}") from error

        def page(request: HTTPConnection, values: Any, named: Any, status: int, headers: Any) -> HTMLResponse:
            # Asked for anew, so that a change of the file is seen; unchanged, it is remembered.
            return self._page(self._template(template.name), request, values, named, status, headers)

        return Page(page)

    def render(
        self, name: str, request: HTTPConnection, values: Mapping[str, Any] | None = None, /, **named: Any
    ) -> str:
        """Return the text of a template, escaped or not: for mails, plain text and the like.

        Raises:
            jinja2.TemplateError: there is no such template, or it is wrong.
        """
        return self._text(self._template(name), request, values, named)

    def _template(self, name: str) -> Any:
        if not isinstance(name, str):
            raise TypeError(f"{name!r} is no name of a template. Fix: templates('page.html', request)")
        try:
            return self._environment_of(name).get_template(name)
        except import_module("jinja2").TemplateNotFound as error:
            if error.name == name:
                known = nearest(name, self.environment.list_templates())
                error.add_note(
                    f"There is no template {name!r} in {' or '.join(map(shorten, self._roots))}. Fix: {known}"
                )
            raise
        except import_module("jinja2").TemplateSyntaxError as error:
            error.add_note(f"In template {shorten(error.filename or name)}:{error.lineno}")
            raise

    def _is_escaped(self, name: str) -> bool:
        escapes = self.environment.autoescape
        return bool(escapes(name) if callable(escapes) else escapes)

    def _environment_of(self, name: str) -> Any:
        """Return what a template is compiled in: where it is escaped, whatever it includes is, too."""
        return self._escaping if callable(self.environment.autoescape) and self._is_escaped(name) else self.environment

    @cached_property
    def _escaping(self) -> Any:
        # Bytecode is kept by name and source alone, so that of the one would be taken for that of the other.
        return self.environment.overlay(autoescape=True, bytecode_cache=None)

    def _check_escaped(self, name: str) -> None:
        if not self._is_escaped(name):
            raise ValueError(
                f"the template {name!r} is not escaped, so it is no HTML. "
                "Fix: name it *.html, or TextResponse(templates.render(...))"
            )

    def _page(
        self, template: Any, request: Any, values: Any, named: dict[str, Any], status: int, headers: Pairs | None
    ) -> HTMLResponse:
        self._check_escaped(template.name)
        return HTMLResponse(self._text(template, request, values, named), status=status, headers=headers)

    def _text(self, template: Any, request: Any, values: Mapping[str, Any] | None, named: dict[str, Any]) -> str:
        if not isinstance(request, HTTPConnection):
            raise TypeError(
                f"a template needs the request, not {request!r}. Fix: templates({template.name!r}, request)"
            )
        context: dict[str, Any] = {"request": request, "url_for": request.url_for}
        for process in self._processors:
            context.update(process(request))
        context.update(values or {}, **named)
        try:
            text: str = template.render(context)
        except Exception as error:
            if place := self._place(error):
                error.add_note(f"In template {place}")
            raise
        return text

    def _place(self, error: Exception) -> str:
        """Return `file:line` of the template that an error was raised in, whose frames Jinja names so."""
        place, frames = "", error.__traceback__
        while frames is not None:
            file = frames.tb_frame.f_code.co_filename
            if file.startswith(self._roots):
                place = f"{shorten(file)}:{frames.tb_lineno}"
            frames = frames.tb_next
        filename = getattr(error, "filename", None)  # of a template that this one includes, and is no template
        return f"{shorten(filename)}:{getattr(error, 'lineno', 0)}" if isinstance(filename, str) else place


class Page:
    """One template: calling it is a response."""

    __slots__ = ("_page",)

    def __init__(self, page: Callable[..., HTMLResponse]) -> None:
        self._page = page

    def __call__(
        self,
        request: HTTPConnection,
        values: Mapping[str, Any] | None = None,
        /,
        *,
        status: int = 200,
        headers: Pairs | None = None,
        **named: Any,
    ) -> HTMLResponse:
        """Return its text as a response, as `Templates` does."""
        return self._page(request, values, named, status, headers)


def is_escaped(name: str | None) -> bool:
    """Tell whether what a template is given is escaped in it."""
    return name is None or not ESCAPED.isdisjoint(name.lower().split(".")[1:])


def _checked(processor: Any, where: str) -> ContextProcessor:
    is_function = callable(processor)
    if not is_function or colour_of(processor) is not Colour.SYNC:
        what = placed(processor) if is_function else repr(processor)
        raise ConfigurationError(
            f"{where}: context processor {what} is no plain function. Fix: def processor(request): return {{...}}"
        )
    return cast("ContextProcessor", processor)
