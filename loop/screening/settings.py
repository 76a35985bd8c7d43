"""What a screening enumerates: a space file, a campaign file, or one of the spaces that have a name."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from saltloop.chemistry.errors import SaltloopError
from saltloop.chemistry.species import SpeciesBook, SpeciesDefinition
from saltloop.loop.errors import CampaignFileError
from saltloop.loop.space.settings import ALL, BRANCHES, EARLIER_TERMS, SpaceSettings

#: SCAN's screening space (Wang & You, Nat. Comput. Sci. 2026): pairs of 38 solvents at ratios 1:9 to 9:1, 200 to
#: 320 K, 0.2 to 2.0 in both concentration units. SCAN lists no basis of the ratios; here they are by mass.
SCAN_SPACE: dict[str, Any] = {
    "salts": ALL,
    "solvents": ALL,
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
            "merge_aliases": False,
        },
        "SCAN's 13 salt names as it counts them: LiTFSI is there twice, the second time as LiN(CF3SO2)2, so 885,780 of "
        "the 11,515,140 candidates repeat others.",
    ),
}


@dataclass(frozen=True)
class LoadedSpace:
    """A space as it was asked for."""

    settings: SpaceSettings
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
        return LoadedSpace(SpaceSettings.model_validate(values), book, remark=remark)
    values, listed = _read(Path(name_or_path))
    try:
        settings = SpaceSettings.model_validate({"salts": ALL, "solvents": ALL, **values})
        definitions = tuple(SpeciesDefinition.model_validate(one) for one in listed)
        book = book.with_species(one for one in definitions if one.name not in book)
        check_names(settings, book)
    except ValidationError as error:
        raise CampaignFileError("\n".join(f"{name_or_path}: {one}" for one in map(_sentence, error.errors()))) from None
    except SaltloopError as error:
        raise CampaignFileError(f"{name_or_path}: {error}") from None
    return LoadedSpace(settings, book, definitions)


def check_names(settings: SpaceSettings, book: SpeciesBook) -> None:
    """Every species that the settings name exists, or an UnknownSpeciesError says which does not."""
    look_ups = {"salt": book.salt, "solvent": book.solvent, "either": book.find}
    for kind, name, _ in settings.named_species():
        look_ups[kind](name)


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
    space = values["space"] if "space" in values else {k: value for k, value in values.items() if k != "species"}
    if not isinstance(definitions, list):
        raise CampaignFileError(
            f"{path}: species: {definitions!r} is no list; write '- {{name: …, smiles: …}}' for each."
        )
    if not isinstance(space, dict):
        raise CampaignFileError(
            f"{path}: space: {space!r} holds no settings; see docs/screening.md for one that works."
        )
    return space, definitions


def _sentence(problem: Any) -> str:
    location = [str(part) for part in problem["loc"] if part not in BRANCHES]
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        there_are = [*SpaceSettings.model_fields, *EARLIER_TERMS.values()]
        close = difflib.get_close_matches(location[-1], there_are, n=1)
        message = "there is no such setting" + (f"; did you mean '{close[0]}'?" if close else "")
    elif problem["type"] == "missing":
        message = "is missing; add it"
    elif not isinstance(problem["input"], dict | list | tuple):
        message += f" (it is {problem['input']!r})"
    return ": ".join(filter(None, (".".join(location), message)))
