"""Bar and line charts as plain SVG: text that a diff can show, and no package to install."""

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

WIDTH = 820
_OURS, _HAND, _OTHER = "#d9480f", "#343a40", "#a5b4c4"
_PALETTE = ["#1c7ed6", "#2f9e44", "#ae3ec9", "#f08c00", "#0c8599", "#e64980", "#74b816", "#7048e8", "#868e96"]
_DASHES = ["", "6 3", "2 3"]


class Panel(NamedTuple):
    """One group of bars, drawn in their order."""

    title: str
    bars: Sequence[tuple[str, float]]


class Series(NamedTuple):
    """One line; its points are y values at the chart's x values, None where there is none."""

    name: str
    points: Sequence[float | None]


def _colour(name: str) -> str:
    return _OURS if name.startswith("Hinge") else _HAND if name.startswith("hand") else _OTHER


def _text(x: float, y: float, text: str, *, size: int = 13, anchor: str = "start", weight: str = "400") -> str:
    fill = "#343a40" if weight == "700" else "#495057"
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" '
        f'fill="{fill}">{escape(text)}</text>'
    )


def _document(height: float, title: str, subtitle: str, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif">'
    )
    ground = f'<rect width="{WIDTH}" height="{height:.0f}" rx="8" fill="#ffffff" stroke="#dee2e6"/>'
    titles = [f"<title>{escape(title)}</title>", ground, _text(24, 34, title, size=18, weight="700")]
    return "\n".join([head, *titles, _text(24, 55, subtitle, size=12), *parts, "</svg>"]) + "\n"


def bars(title: str, subtitle: str, panels: Sequence[Panel], *, show: Callable[[float], str], log: bool) -> str:
    """Return horizontal bars; on a logarithmic scale they begin at a half of the smallest value."""
    values = [value for panel in panels for _, value in panel.bars if value > 0]
    least, most = (min(values) / 2 if log else 0.0), max(values)

    def length(value: float) -> float:
        if value <= 0:
            return 0.0
        share = math.log(value / least) / math.log(most / least) if log else value / most
        return 560 * share

    parts, y = [], 66.0
    for panel in panels:
        y += 22
        parts.append(_text(24, y, panel.title, size=14, weight="700"))
        y += 10
        for name, value in panel.bars:
            ours = name.startswith("Hinge")
            parts.append(_text(150, y + 14, name, anchor="end", weight="700" if ours else "400"))
            parts.append(
                f'<rect x="160" y="{y + 2:.1f}" width="{length(value):.1f}" height="16" rx="2" fill="{_colour(name)}"/>'
            )
            parts.append(_text(166 + length(value), y + 14, show(value), size=12, weight="700" if ours else "400"))
            y += 21
    return _document(y + 18, title, subtitle, parts)


def lines(
    title: str,
    subtitle: str,
    xs: Sequence[float],
    series: Sequence[Series],
    *,
    x_name: str,
    show: Callable[[float], str],
) -> str:
    """Return lines over two logarithmic axes, each named at the right in the order of its last values."""
    values = [point for one in series for point in one.points if point]
    low, high = math.log(min(values) * 0.85), math.log(max(values) * 1.15)
    left, top, wide, tall = 86.0, 76.0, 520.0, 380.0

    def x_of(x: float) -> float:
        return left + wide * math.log(x / xs[0]) / math.log(xs[-1] / xs[0])

    def y_of(y: float) -> float:
        return top + tall * (1 - (math.log(y) - low) / (high - low))

    parts = []
    for x in xs:
        parts.append(f'<path d="M{x_of(x):.1f} {top}V{top + tall}" stroke="#e9ecef"/>')
        parts.append(_text(x_of(x), top + tall + 20, f"{x:,.0f}", size=12, anchor="middle"))
    for tick in _ticks(math.exp(low), math.exp(high)):
        parts.append(f'<path d="M{left} {y_of(tick):.1f}H{left + wide}" stroke="#e9ecef"/>')
        parts.append(_text(left - 8, y_of(tick) + 4, show(tick), size=12, anchor="end"))
    parts.append(_text(left + wide / 2, top + tall + 42, x_name, size=12, anchor="middle"))
    labels = []
    for number, one in enumerate(series):
        found = [(x, point) for x, point in zip(xs, one.points, strict=True) if point]
        ours, hand = one.name.startswith("Hinge"), one.name.startswith("hand")
        colour = _OURS if ours else _HAND if hand else _PALETTE[number % len(_PALETTE)]
        path = " ".join(f"{x_of(x):.1f},{y_of(point):.1f}" for x, point in found)
        dashes = "" if ours else _DASHES[number // len(_PALETTE) % len(_DASHES)]
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{3 if ours else 1.6}" '
            f'stroke-dasharray="{dashes}"/>'
        )
        parts += [f'<circle cx="{x_of(x):.1f}" cy="{y_of(point):.1f}" r="3" fill="{colour}"/>' for x, point in found]
        labels.append((y_of(found[-1][1]), one.name, colour, x_of(found[-1][0]), ours))
    parts += _labels(sorted(labels), top, left + wide)
    return _document(top + tall + 60, title, subtitle, parts)


def _labels(labels: Sequence[tuple[float, str, str, float, bool]], top: float, right: float) -> list[str]:
    """Return the names of the lines, pushed apart where they would overlap."""
    parts, y = [], top - 8
    for wanted, name, colour, end, ours in labels:
        y = max(wanted, y + 15)
        parts.append(
            f'<path d="M{end + 5:.1f} {wanted:.1f}L{right + 12:.1f} {y:.1f}" stroke="{colour}" stroke-width="0.7"/>'
        )
        parts.append(_text(right + 16, y + 4, name, size=12, weight="700" if ours else "400"))
    return parts


def _ticks(low: float, high: float) -> list[float]:
    found = []
    for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        found += [digit * 10.0**power for digit in (1, 2, 5) if low <= digit * 10.0**power <= high]
    return found
