"""FINALES requests and results for electrolyte conductivity, as its public schemas have them.

Written against BIG-MAP/FINALES2_schemas (``serialized_quantities/conductivity/two_electrode.json`` and the examples
beside it) and BIG-MAP/FINALES2 (``server/schemas.py``): fractions by mole of the whole mixture, salt included;
conductivities in S/m; temperatures in K; chemicals named by InChIKey. Nothing here talks to a FINALES server.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from saltloop.chemistry.errors import DataError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.result_schema import LabResult, lab_result
from saltloop.chemistry.species import SpeciesBook

METHOD = "two_electrode"
MEASURED = frozenset({"two_electrode", "twoElectrodeMeasuringCell"})
#: Both are written in the public examples; only mole fractions are defined so far.
MOLE_FRACTIONS = frozenset({"molPerMol", "molar fraction"})
#: A method rates its data from 0 (lowest) to 5; below this we call them suspect. Our choice, not FINALES'.
LEAST_RATING = 2


def to_request(formulation: Formulation, *, tenant_uuid: str, method: str = METHOD) -> dict[str, Any]:
    """A request for the conductivity of a liquid (FINALES' ``Request``)."""
    solvent_kg = sum(share * solvent.molar_mass for solvent, share in formulation.solvent_shares("mole")) / 1e3
    moles = [(solvent, share) for solvent, share in formulation.solvent_shares("mole")]
    moles += [(salt, molality * solvent_kg) for salt, molality in formulation.salt_concentrations("mol/kg")]
    total = sum(amount for _, amount in moles)
    components = [
        {
            "chemical": {"SMILES": one.smiles, "InChIKey": one.inchikey},
            "fraction": amount / total,
            "fraction_type": "molPerMol",
        }
        for one, amount in moles
    ]
    parameters = {"formulation": components, "temperature": formulation.temperature_K}
    return {
        "quantity": "conductivity",
        "methods": [method],
        "parameters": {method: parameters},
        "tenant_uuid": tenant_uuid,
    }


def from_result(
    data: Mapping[str, Any],
    *,
    species: SpeciesBook | None = None,
    relative_uncertainty: float | None = None,
    candidates: Mapping[str, str] | None = None,
    zone: datetime.tzinfo | None = None,
) -> LabResult:
    """A result that a FINALES server hands out (``ResultInfo``), or the ``Result`` inside it.

    Args:
        data: the parsed JSON.
        relative_uncertainty: standard uncertainty over value. FINALES has no field for it; needed where a result has
            fewer than two different values.
        candidates: ``{request_uuid: candidate_id}`` of what was asked for.
        zone: of ``ctime``, which FINALES writes without one; without it the time is left out.

    Raises:
        DataError: it is no conductivity result, or names a chemical by an InChIKey that no species has.
    """
    try:
        result = data.get("result", data)
        if result["quantity"] != "conductivity":
            raise DataError(f"a FINALES result of the quantity {result['quantity']!r}; only conductivity is read")
        (method,) = result["method"]
        run, output = result["data"]["run_info"], result["data"]["conductivity"]
        formulation = run.get("formulation") or run["formulation_info"]["formulation"]
        temperature = output.get("temperature")
        if temperature is None:
            temperature = result["parameters"][method]["temperature"]
        meta, request = output["meta"], str(result.get("request_uuid", ""))
        told: dict[str, Any] = {
            "source": "experiment" if method in MEASURED else method,
            "external_id": str(data.get("uuid") or run["internal_reference"]),
            "candidate_id": (candidates or {}).get(request, ""),
            "actual": _components(formulation, species or SpeciesBook.builtin()),
            "temperature": float(temperature),
            "temperature_unit": "K",
            "method": method,
            "lot": str((run.get("formulation_info") or {}).get("batch") or ""),
            "reference": f"FINALES request {request}" if request else "FINALES",
            "note": f"rated {meta['rating']} of 5",
        }
        if zone is not None and data.get("ctime"):
            told["measured_at"] = datetime.datetime.fromisoformat(data["ctime"]).replace(tzinfo=zone).isoformat()
        if not meta["success"]:
            return lab_result({**told, "status": "failed"})
        if meta["rating"] < LEAST_RATING:
            told["status"] = "suspect"
        return lab_result({**told, **_value([float(one) for one in output["values"]], relative_uncertainty)})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"not a FINALES result of a conductivity: {error!r} is missing or wrong") from None


def _value(values: Sequence[float], relative_uncertainty: float | None) -> dict[str, Any]:
    if not values:
        raise DataError("a FINALES result that was successful, without a value")
    if len(set(values)) > 1:
        return {"replicates": tuple(values), "unit": "S/m"}
    if relative_uncertainty is None:
        raise DataError("one value and no uncertainty; give relative_uncertainty, what the method is good to")
    return {"value": values[0], "unit": "S/m", "standard_uncertainty": abs(values[0]) * relative_uncertainty}


def _components(formulation: Sequence[Mapping[str, Any]], species: SpeciesBook) -> list[dict[str, Any]]:
    names = {one.inchikey: one.name for one in species}
    found = []
    for part in formulation:
        key, kind = part["chemical"]["InChIKey"], part["fraction_type"]
        if key not in names:
            raise DataError(
                f"the chemical {key} ({part['chemical'].get('SMILES', 'no SMILES')}) is no species that is known; add "
                "it under 'species:' in the campaign file"
            )
        if kind not in MOLE_FRACTIONS:
            raise DataError(f"the fraction_type {kind!r} is unknown; FINALES defines molPerMol")
        found.append({"name": names[key], "amount": float(part["fraction"]), "unit": "1", "basis": "mole_fraction"})
    return found
