"""The text form of a formulation: what a chemist types, ``1 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from .errors import FormulationError, UnitError
from .units import convert, dimension_of

if TYPE_CHECKING:
    from .species import Species

EXAMPLE = "1.0 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K"

_BASES = {"w/w": "mass", "wt/wt": "mass", "m/m": "mass", "w": "mass", "v/v": "volume", "vol/vol": "volume"} | {
    "v": "volume",
    "n/n": "mole",
    "mol/mol": "mole",
    "n": "mole",
}
_MARKS = {"mass": "(w/w)", "volume": "(v/v)", "mole": "(n/n)"}
_NUMBER = r"\d*\.?\d+(?:[eE][+-]?\d+)?|\d+\.(?:[eE][+-]?\d+)?"
_TEMPERATURE = re.compile(rf"\s+at\s+([+-]?(?:{_NUMBER}))\s*([^\s\d]\S*)?\s*$")
_BASIS = re.compile(r"\(([^()]*)\)\s*$")
_RATIO = re.compile(rf"\s((?:{_NUMBER})(?:\s*[:/]\s*(?:{_NUMBER}))+)\s*$")
_SALT = re.compile(rf"([+-]?(?:{_NUMBER}))\s*([^\s\d]\S*)\s+(\S.*)$")
_MAX_RATIO = 100


def read(text: str) -> dict[str, Any]:
    """The arguments of ``Formulation.create`` for a text.

    Raises:
        FormulationError: naming the piece that cannot be read.
    """
    rest = " ".join(text.split())
    if not rest:
        _fail(text, "it is empty")
    temperature_K = 298.15
    if found := _TEMPERATURE.search(" " + rest):
        temperature_K = _temperature(text, found[1], found[2])
        rest = (" " + rest)[: found.start()].strip()
    before, separator, liquid = rest.partition(" in ")
    if not separator:
        before, liquid = "", rest
    basis, solvents = _solvents(text, liquid)
    unit, salts = _salts(text, before) if before else ("mol/kg", {})
    return {
        "salts": salts,
        "concentration_unit": unit,
        "solvents": solvents,
        "basis": basis,
        "temperature_K": temperature_K,
    }


def write(
    salts: Iterable[tuple[Species, float]],
    concentration_unit: str,
    solvents: Iterable[tuple[Species, float]],
    basis: str,
    temperature_K: float,
) -> str:
    """The text of salts with concentrations and solvents with fractions; ``read`` gives the same numbers back."""
    solvents = tuple(solvents)
    liquid = ":".join(solvent.name for solvent, _ in solvents)
    if len(solvents) > 1:
        liquid += f" {_ratio([share for _, share in solvents])} {_MARKS[basis]}"
    salt = " + ".join(f"{_number(value)} {concentration_unit} {one.name}" for one, value in salts)
    return f"{salt} in {liquid} at {_number(temperature_K)} K" if salt else f"{liquid} at {_number(temperature_K)} K"


def _temperature(text: str, number: str, unit: str | None) -> float:
    if unit is None:
        _fail(text, f"the temperature {number} has no unit: write '{number} K' or '{number} °C'")
    unit = {"C": "°C", "ºC": "°C", "℃": "°C"}.get(unit, unit)
    try:
        return convert(float(number), unit, "K")
    except UnitError:
        _fail(text, f"{unit!r} is not a unit of temperature: write K or °C")


def _solvents(text: str, liquid: str) -> tuple[str, dict[str, float]]:
    basis = "mass"
    rest = liquid.strip()
    if (found := _BASIS.search(rest)) and rest[: found.start()].endswith(" "):
        mark = "".join(found[1].split()).casefold()
        if mark not in _BASES:
            _fail(text, f"{found[0].strip()!r} is no basis: write (w/w), (v/v) or (n/n)")
        basis, rest = _BASES[mark], rest[: found.start()].strip()
    if not (found := _RATIO.search(" " + rest)):
        names = _names(text, rest)
        if len(names) > 1:
            _fail(text, f"{rest!r} has no ratio: write one, such as '{rest} {':'.join('1' * len(names))} (w/w)'")
        return basis, {names[0]: 1.0}
    names = _names(text, (" " + rest)[: found.start()].strip())
    shares = [float(piece) for piece in re.split("[:/]", found[1])]
    if len(names) != len(shares):
        _fail(text, f"{len(names)} solvents ({', '.join(names)}) but {len(shares)} numbers in the ratio {found[1]!r}")
    if not (min(shares) > 0 and math.isfinite(sum(shares))):
        _fail(text, f"the ratio {found[1]!r} must be made of positive numbers")
    total = math.fsum(shares)
    return basis, {name: share / total for name, share in zip(names, shares, strict=True)}


def _names(text: str, listed: str) -> list[str]:
    names = [name.strip() for name in listed.split(":")]
    if "" in names:
        _fail(text, "a solvent's name is missing")
    for name in names:
        if names.count(name) > 1:
            _fail(text, f"{name} is given twice; give it once, with its whole share")
    return names


def _salts(text: str, before: str) -> tuple[str, dict[str, float]]:
    unit = ""
    salts: dict[str, float] = {}
    for piece in before.split(" + "):
        if not (found := _SALT.match(piece.strip())):
            _fail(text, f"{piece.strip()!r} is not a concentration with unit and salt, such as '1.0 mol/kg LiPF6'")
        number, given, name = found.groups()
        this_unit = _concentration_unit(text, given)
        if unit and this_unit != unit:
            _fail(text, f"concentrations in both {unit} and {this_unit}: write them in one unit")
        if name in salts:
            _fail(text, f"{name} is given twice; give it once, with its whole concentration")
        unit = this_unit
        salts[name] = convert(float(number), given, unit)
    return unit, salts


def _concentration_unit(text: str, given: str) -> str:
    try:
        unit = {"molality": "mol/kg", "molarity": "mol/L"}.get(dimension_of(given))
    except UnitError:
        unit = None
    if unit is None:
        _fail(text, f"{given!r} is not a unit of concentration: write mol/kg (of solvent) or mol/L (of solution)")
    return unit


def _ratio(shares: list[float]) -> str:
    """Small whole numbers where they give the fractions back exactly enough, or else all digits of the fractions."""
    smallest = min(shares)
    for scale in range(1, _MAX_RATIO + 1):
        for total in (scale, scale / smallest):
            parts = [share * total for share in shares]
            whole = [round(part) for part in parts]
            if min(whole) > 0 and max(whole) <= _MAX_RATIO and _is_close(parts, whole):
                common = math.gcd(*whole)
                return ":".join(str(part // common) for part in whole)
    return ":".join(_number(share) for share in shares)


def _is_close(parts: list[float], whole: list[int]) -> bool:
    return all(abs(part - number) <= 1e-12 * number for part, number in zip(parts, whole, strict=True))


def _number(value: float) -> str:
    """All digits that matter, without a trailing '.0' or the last digits' rounding noise."""
    short = f"{value:.15g}"
    return short if abs(float(short) - value) <= 1e-14 * abs(value) else repr(value)


def _fail(text: str, why: str) -> NoReturn:
    raise FormulationError(f"Cannot read {text!r}: {why}. A formulation is written like '{EXAMPLE}'.")
