"""Every regular expression takes linear time, whatever it is given: the framework's, the backends', their parsers'.

None is listed: a fresh interpreter imports every module and writes down what is compiled and where, the sources say how
it is used. What compiles in a function only has to be driven below, or the test fails.
"""

import ast
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import hinge

FRAMEWORK = Path(hinge.__file__).parent
BACKENDS = FRAMEWORK.parent.parent / "backends"
OUTSIDE = [BACKENDS / name / "src" / name for name in ("hinge_rsgi", "hinge_lambda")]
FOLDERS = [FRAMEWORK, BACKENDS / "hinge_asgi", BACKENDS / "hinge_wsgi", *OUTSIDE]
SOURCES = [path for folder in FOLDERS for path in sorted(folder.rglob("*.py")) if "conformance" not in path.parts]
PARSERS = ("multipart.py", "tomllib/_re.py", "tomllib/_parser.py")
"""What else is given a client's bytes, and has expressions."""
DECLARED = {"convert.py", "messages.py"}
"""They search for the `pattern` that an app declares, which is the app's."""
DRIVEN = """
import pathlib
import hinge.cli.new, hinge.codecs.scan, hinge.http.cookies, hinge.errors, hinge.routing.template
hinge.cli.new.path_of(pathlib.Path("dot-gitignore.txt"), hinge.cli.new.package_of("my-shop"))
hinge.codecs.scan._several(False), hinge.codecs.scan._several(True)
hinge.http.cookies.cookie_finder("a")
for text in ("/%41", "/<name>"):
    try:
        hinge.routing.template.PathTemplate.parse(text)
    except hinge.errors.ConfigurationError:
        pass
"""

RECORDED = """
import importlib, json, re, sys
plain, found = re._compile, []
def recording(pattern, flags):
    frame = sys._getframe(1)
    while frame.f_code.co_filename == re.__file__:
        frame = frame.f_back
    if isinstance(pattern, (str, bytes)):
        text = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
        found.append([frame.f_code.co_filename, frame.f_lineno, text, int(flags), isinstance(pattern, bytes)])
    return plain(pattern, flags)
re._compile = recording
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError as error:
        if error.name.startswith("hinge"):
            raise
"""


class Expression(NamedTuple):
    place: str
    pattern: str
    flags: int
    is_bytes: bool
    uses: tuple[str, ...]

    def compiled(self) -> Any:
        return re.compile(self.pattern.encode("latin-1") if self.is_bytes else self.pattern, self.flags)


# -- which there are ---------------------------------------------------------------------------------------------------


def module_of(path: Path) -> str:
    folder = next(folder for folder in FOLDERS if folder in path.parents)
    return ".".join(path.relative_to(folder.parent).with_suffix("").parts).removesuffix(".__init__")


def recorded() -> list[tuple[str, int, str, int, bool]]:
    names = [module_of(path) for path in SOURCES if path.name != "__main__.py"]
    paths = [str(folder.parent) for folder in FOLDERS]
    program = f"import sys; sys.path[:0] = {paths!r}\n{RECORDED}{DRIVEN}\nprint(json.dumps(found))"
    run = subprocess.run(
        [sys.executable, "-c", program, *names, "multipart", "tomllib"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return [tuple(one) for one in json.loads(run.stdout)]


def calls_of_re(tree: ast.Module) -> Iterator[tuple[ast.Call, tuple[str, ...]]]:
    """Yield each call that compiles an expression, and the methods that are called on what it makes."""
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    on_names: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            named = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            on_names.setdefault(named, set()).add(node.attr)
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if getattr(node.func.value, "id", "") != "re" or node.func.attr == "escape":
            continue
        parent = parents[node]
        if node.func.attr != "compile":
            uses = {node.func.attr}
        elif isinstance(parent, ast.Attribute):
            uses = {parent.attr}
        elif isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name):
            uses = on_names.get(parent.targets[0].id, set())
        else:
            uses = set()
        yield node, tuple(sorted(uses)) or ("search",)  # which asks for the most


def expressions() -> list[Expression]:
    found, compiled = [], recorded()
    for path in SOURCES:
        for call, uses in calls_of_re(ast.parse(path.read_text())):
            here = [one for one in compiled if one[0] == str(path) and call.lineno <= one[1] <= (call.end_lineno or 0)]
            if not here and path.name in DECLARED and call.func.attr == "search":  # type: ignore[attr-defined]
                continue
            place = f"{path.name}:{call.lineno}"
            assert here, f"{place} compiles an expression that nothing here sees: drive it in DRIVEN"
            found += [Expression(place, one[2], one[3], one[4], uses) for one in here]
    for file, line, pattern, flags, is_bytes in compiled:
        if file.endswith(PARSERS):
            found.append(Expression(f"{Path(file).name}:{line}", pattern, flags, is_bytes, ("match",)))
    return found


# -- what they are given -----------------------------------------------------------------------------------------------

CHARACTERS = [chr(code) for code in (*range(97, 123), *range(32, 97), *range(123, 256), *range(32), 0xD800)]
CATEGORIES = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}


def is_in(members: Sequence[Any], character: str) -> bool:
    """Tell whether a character is of a class in brackets."""
    negated = str(members[0][0]) == "NEGATE"
    for kind, value in members[negated:]:
        if str(kind) == "CATEGORY":
            name = str(value).removeprefix("CATEGORY_")
            holds = bool(re.match(CATEGORIES[name.removeprefix("NOT_")], character)) != name.startswith("NOT_")
        else:
            low, high = value if str(kind) == "RANGE" else (value, value)
            holds = low <= ord(character) <= high
        if holds:
            return not negated
    return negated


class Pieces:
    """What an expression is about: a character of each of its classes, a text for each repeat, and what leads there."""

    def __init__(self, pattern: Any) -> None:
        self.characters: dict[str, None] = {}
        self.repeated: dict[str, None] = {}
        self.before: dict[str, None] = {"": None}
        whole = self.text(re._parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE), "")  # type: ignore[attr-defined]
        self.repeated[whole] = None

    def text(self, nodes: Any, before: str) -> str:
        """Return a short text that the nodes match, as far as that is easily told."""
        text = ""
        for kind, value in nodes:
            text += self.node(str(kind), value, before + text)
        return text

    def node(self, kind: str, value: Any, before: str) -> str:
        if kind in {"LITERAL", "NOT_LITERAL", "ANY", "IN"}:
            others: list[Any] = [("NEGATE", None)] + ([("LITERAL", value)] if kind == "NOT_LITERAL" else [])
            members = value if kind == "IN" else others
            fitting = chr(value) if kind == "LITERAL" else next(filter(partial(is_in, members), CHARACTERS))
            self.characters[fitting] = None
            return fitting
        if kind.endswith("REPEAT"):
            least, most, inner = value
            self.before[before] = None
            once = self.text(inner, before)
            if int(most) > 1:
                self.repeated[once] = None
            return once * int(least)
        if kind == "BRANCH":
            return max([self.text(inner, before) for inner in value[1]], key=len)
        if kind in {"SUBPATTERN", "ATOMIC_GROUP"}:
            return self.text(value[3] if kind == "SUBPATTERN" else value, before)
        if kind.startswith("ASSERT"):
            self.text(value[1], before)
        return ""


def texts(pattern: Any) -> Iterator[tuple[str, str, str]]:
    """Yield what comes first, what is repeated, and what comes last."""
    pieces = Pieces(pattern)
    alphabet = [*list(pieces.characters)[:6], "\x01"]
    pumps = dict.fromkeys([*alphabet, *map("".join, product(alphabet, repeat=2)), *pieces.repeated])
    pumps |= dict.fromkeys(map("".join, product(list(pieces.repeated)[:5], repeat=2)))
    for before, pump, after in product(pieces.before, pumps, ("", "\x01")):
        if pump:
            yield before, pump, after


# -- what it takes -----------------------------------------------------------------------------------------------------

MOST_SECONDS = 4e-7
"""For each character. What is linear takes a fifth of it at most, what is quadratic in the longest text three times."""
SIZES = (16, 32, 64, 128, 256, 512, 4000)  # twice as much each time: what is exponential shows before it hangs


def seconds(pattern: Any, use: str, text: Any) -> float:
    calls = {
        "sub": lambda: pattern.sub(text[:0], text),
        "finditer": lambda: list(pattern.finditer(text)),
    }
    call: Callable[[], Any] = calls.get(use) or (lambda: getattr(pattern, use)(text))
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def too_slow(pattern: Any, use: str) -> str | None:
    """Return what takes a pattern too long, None if nothing is found."""
    for before, pump, after in texts(pattern):
        for size in SIZES:
            text: Any = before + pump * (size // len(pump) + 1) + after
            if isinstance(pattern.pattern, bytes):
                text = text.encode("latin-1", "replace")
            most = 2e-4 + MOST_SECONDS * len(text)
            if all(seconds(pattern, use, text) > most for _ in range(5)):  # another process may have had the CPU
                return f"{use} {before!r} + {pump!r} * n + {after!r}"
    return None


USES = {"search", "match", "fullmatch", "findall", "finditer", "sub", "split"}


@pytest.mark.gate
def test_every_expression_is_linear() -> None:
    found = expressions()
    assert {path.name for path in SOURCES} >= {"parts.py", "cookies.py", "scope.py", "environ.py", "head.py"}
    assert len(found) > 50
    slow = {
        one.place: what
        for one in found
        for use in USES.intersection(one.uses) or {"search"}
        if (what := too_slow(one.compiled(), use))
    }
    assert slow == {}


@pytest.mark.parametrize(
    ("pattern", "use"),
    [
        (r'"(?:[^"\\]|\\.)*+"', "sub"),
        (r"(?:a+)+b", "match"),
        (r"(?:a|a)*b", "match"),
        (r"[0-9]*[0-9a]*x", "match"),
        (r"a*b", "search"),
        (r"\s+$", "search"),
        (r"<(?:[^>]*,)*z>", "match"),
    ],
)
def test_a_slow_one_is_found(pattern: str, use: str) -> None:
    assert too_slow(re.compile(pattern), use)
