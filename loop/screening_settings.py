"""What a screening enumerates: the settings of a space file, and the spaces that have a name."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator
from saltloop.chemistry.conversion import Basis, ConcentrationUnit
from saltloop.chemistry.errors import SaltloopError
from saltloop.chemistry.species import SpeciesBook, SpeciesDefinition
from saltloop.loop.errors import CampaignFileError
from saltloop.loop.settings import Settings

#: Spellings of a campaign's ``space`` -> what they mean here.
CAMPAIGN_TERMS = {"molality": "concentration", "temperature_K": "temperatures_K"}


class Grid(Settings):
    """Evenly spaced values, both ends included."""

    min: float = Field(gt=0)
    max: float = Field(gt=0)
    step: float = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Grid:
        if self.max < self.min:
            raise ValueError(f"max ({self.max:g}) is below min ({self.min:g}); swap them")
        return self

    def values(self) -> tuple[float, ...]:
        """The grid's values; a step that does not divide the range stops short of ``max``."""
        n_steps = int((self.max - self.min) / self.step + 1e-6)
        return tuple(round(self.min + index * self.step, 6) for index in range(n_steps + 1))


Values = tuple[float, ...] | Grid


class ScreeningSettings(Settings):
    """One salt in one to three solvents, over grids of fractions, concentrations and temperatures.

    A campaign's ``space`` is one of these as it stands: its ``molality`` and ``temperature_K`` are understood.
    """

    #: Names, or ``all``: every salt of the species book.
    salts: tuple[str, ...] | Literal["all"] = "all"
    #: Names, or ``all``: every solvent of the species book.
    solvents: tuple[str, ...] | Literal["all"] = "all"
    min_solvents: int = Field(1, ge=1, le=3)
    max_solvents: int = Field(2, ge=1, le=3)
    #: Spacing of the solvents' fractions, in ``basis``.
    fraction_step: float = Field(0.1, gt=0, le=0.5)
    #: Smallest fraction of a solvent that is in the mixture at all.
    min_fraction: float = Field(0.1, gt=0, le=0.5)
    basis: Basis = "mass"
    concentration: Values = Grid(min=0.4, max=1.6, step=0.2)
    #: mol/kg of solvent, mol/L of solution, or both, each on the grid of ``concentration``.
    concentration_units: tuple[ConcentrationUnit, ...] = Field(("mol/kg",), min_length=1)
    temperatures_K: Values = (298.15,)
    #: Species, or lists of species that must not meet, e.g. ``[AN, [LiBF4, EC]]``.
    exclude: tuple[str | tuple[str, ...], ...] = ()
    #: Largest total fraction of solvents whose own melting point lies above the temperature.
    max_solid_fraction: float = Field(0.5, ge=0, le=1)
    constraints: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _as_campaigns_say(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        values = dict(values)
        for term, meaning in CAMPAIGN_TERMS.items():
            if term in values:
                if meaning in values:
                    raise ValueError(f"both {term} and {meaning} are given; keep {meaning}")
                given = values.pop(term)
                values[meaning] = (given,) if isinstance(given, int | float) else given
        return values

    @model_validator(mode="after")
    def _makes_sense(self) -> ScreeningSettings:
        if self.max_solvents < self.min_solvents:
            raise ValueError(f"max_solvents ({self.max_solvents}) is below min_solvents ({self.min_solvents})")
        for name, low, high in (("concentration", 0.0, 20.0), ("temperatures_K", 150.0, 600.0)):
            for value in values_of(getattr(self, name)) or (None,):
                if value is None:
                    raise ValueError(f"{name} is empty; give a list, or min, max and step")
                if name == "temperatures_K" and value < low:
                    raise ValueError(
                        f"temperatures_K has {value:g}; if that is degrees Celsius, write {value + 273.15:.2f}"
                    )
                if not low < value <= high:
                    raise ValueError(f"{name} has {value:g}, which is outside {low:g} to {high:g}")
        return self


def values_of(values: Values) -> tuple[float, ...]:
    """The values of a list or a grid, each once, in order."""
    listed = values.values() if isinstance(values, Grid) else values
    return tuple(dict.fromkeys(float(value) for value in listed))


#: SCAN's screening space (Wang & You, Nat. Comput. Sci. 2026): pairs of 38 solvents at ratios 1:9 to 9:1, 200 to
#: 320 K, 0.2 to 2.0 in both concentration units. SCAN lists no basis of the ratios; here they are by mass.
SCAN_SPACE: dict[str, Any] = {
    "min_solvents": 2,
    "max_solvents": 2,
    "concentration": {"min": 0.2, "max": 2.0, "step": 0.2},
    "concentration_units": ("mol/kg", "mol/L"),
    "temperatures_K": {"min": 200, "max": 320, "step": 20},
    "max_solid_fraction": 1.0,
}

#: Name -> settings, and a sentence about them.
NAMED_SPACES: dict[str, tuple[dict[str, Any], str]] = {
    "scan": (
        SCAN_SPACE,
        "SCAN counts 11,515,140 formulations because two of its 13 salts, LiTFSI and LiN(CF3SO2)2, are one; with each "
        "salt once its space has 12 x 703 x 9 x 7 x 10 x 2 = 10,629,360.",
    ),
    "scan-as-counted": (
        {
            **SCAN_SPACE,
            "salts": (
                *("LiPF6", "LiBF4", "LiAsF6", "LiClO4", "LiTFSI", "LiFSI", "LiCF3SO3", "LiBOB", "LiBMB", "LiBPFPB"),
                *("LiTDI", "LiPDI", "LiN(CF3SO2)2"),
            ),
        },
        "SCAN's 13 salt names as it counts them: LiTFSI is there twice, the second time as LiN(CF3SO2)2, so 885,780 of "
        "the 11,515,140 candidates repeat others.",
    ),
}


@dataclass(frozen=True)
class LoadedSpace:
    """A space as it was asked for."""

    settings: ScreeningSettings
    book: SpeciesBook
    definitions: tuple[SpeciesDefinition, ...] = ()
    """Species that its file adds to the book."""
    remark: str = ""


def load_space(name_or_path: str, book: SpeciesBook | None = None) -> LoadedSpace:
    """A named space, a space file, or a campaign file (its ``space``); its own species are added to ``book``.

    Raises:
        CampaignFileError: no such space or file, or settings that are wrong; names each, its value and the remedy.
    """
    book = book or SpeciesBook.builtin()
    if name_or_path in NAMED_SPACES:
        values, remark = NAMED_SPACES[name_or_path]
        return LoadedSpace(ScreeningSettings.model_validate(values), book, remark=remark)
    values, listed = _read(Path(name_or_path))
    try:
        settings = ScreeningSettings.model_validate(values)
        definitions = tuple(SpeciesDefinition.model_validate(one) for one in listed)
        book = book.with_species(one for one in definitions if one.name not in book)
        check_names(settings, book)
    except ValidationError as error:
        raise CampaignFileError("\n".join(f"{name_or_path}: {one}" for one in _explain(error))) from None
    except SaltloopError as error:
        raise CampaignFileError(f"{name_or_path}: {error}") from None
    return LoadedSpace(settings, book, definitions)


def check_names(settings: ScreeningSettings, book: SpeciesBook) -> None:
    """Every species that the settings name exists, or an UnknownSpeciesError says which does not."""
    for name in () if settings.salts == "all" else settings.salts:
        book.salt(name)
    for name in () if settings.solvents == "all" else settings.solvents:
        book.solvent(name)
    for entry in settings.exclude:
        for name in (entry,) if isinstance(entry, str) else entry:
            book.find(name)


def _read(path: Path) -> tuple[dict[str, Any], list[Any]]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CampaignFileError(
            f"There is no space file {path}, and no space of that name; named ones: {', '.join(NAMED_SPACES)}."
        ) from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise CampaignFileError(f"{path} is not a text file; a space file is YAML.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise CampaignFileError(f"{path}{where}: not valid YAML: {getattr(error, 'problem', error)}.") from None
    if not isinstance(values, dict):
        raise CampaignFileError(f"{path} is empty or holds no settings; see docs/screening.md for one that works.")
    definitions = values.get("species") or []
    if "space" in values:
        return values["space"], definitions
    return {key: value for key, value in values.items() if key != "species"}, definitions


#: What pydantic says of the branch of a union (a list, or a grid) that was not meant.
OTHER_BRANCH = {"tuple_type", "model_type", "literal_error"}


def _explain(error: ValidationError) -> list[str]:
    """One sentence a setting; of a union's branches, what the one that was meant complains of."""
    of_setting: dict[str, Any] = {}
    for problem in error.errors():
        name = str(problem["loc"][0]) if problem["loc"] else ""
        if name not in of_setting or of_setting[name]["type"] in OTHER_BRANCH:
            of_setting[name] = problem
    return [_sentence(problem) for problem in of_setting.values()]


def _sentence(problem: Any) -> str:
    # pydantic names the branch of a union too ("Grid", "tuple[float, ...]"); nobody wrote that.
    written = [part for part in problem["loc"] if isinstance(part, int) or (part.isidentifier() and part != "Grid")]
    location = [str(part) for part in written]
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        close = difflib.get_close_matches(location[-1], ScreeningSettings.model_fields, n=1)
        message = "there is no such setting" + (f"; did you mean '{close[0]}'?" if close else "")
    elif problem["type"] == "missing":
        message = "is missing; add it"
    elif not isinstance(problem["input"], dict | list | tuple):
        message += f" (it is {problem['input']!r})"
    return ": ".join(filter(None, (".".join(location), message)))
