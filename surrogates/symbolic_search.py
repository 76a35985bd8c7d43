"""The libraries that search formulas: pyoperon, and PySR as an option."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from saltloop.chemistry.errors import SaltloopError
from saltloop.surrogates.symbolic_formula import readable

Backend = Literal["operon", "pysr"]
OPERON_SYMBOLS = "add,sub,mul,div,exp,log,sqrt,square,constant,variable"


class MissingBackendError(SaltloopError, ImportError):
    """The library that searches formulas is not installed."""


@dataclass(frozen=True)
class SearchSettings:
    """How long and how deep to search; one seed, one result."""

    backend: Backend = "operon"
    n_folds: int = 5
    #: Formulas tried in each fold, constants optimised.
    evaluations: int = 120_000
    population: int = 300
    #: Operators, variables and constants of the longest formula.
    max_length: int = 24
    #: Rows that a search sees at most, drawn at random from its part.
    max_rows: int = 800
    seed: int = 0


def backend(name: Backend) -> Callable[..., list[Any]]:
    """The search of that name: feature rows, target, symbols, settings and seed to expressions.

    Raises:
        MissingBackendError: its library is not installed; says how to get it.
    """
    module, extra = {"operon": ("pyoperon", "symbolic"), "pysr": ("pysr", "pysr")}[name]
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise MissingBackendError(f"{module} is not installed; get it with 'pip install saltloop[{extra}]'.")
    return {"operon": _operon, "pysr": _pysr}[name]


def _scaled(values: np.ndarray, names: Sequence[str]) -> tuple[np.ndarray, dict[str, float]]:
    """Columns divided by their root mean square, so that a search's first constants (near 1) fit them."""
    sizes = np.sqrt((values**2).mean(0))
    sizes = np.where(sizes > 0, sizes, 1.0)
    return values / sizes, dict(zip(names, sizes.tolist(), strict=True))


def _operon(values: np.ndarray, target: np.ndarray, names: Sequence[str], settings: SearchSettings, seed: int):  # type: ignore[no-untyped-def]
    """pyoperon: NSGA-II on error and length, constants by Levenberg-Marquardt."""
    from pyoperon.sklearn import SymbolicRegressor

    scaled, scales = _scaled(values, names)
    search = SymbolicRegressor(
        allowed_symbols=OPERON_SYMBOLS,
        objectives=["rmse", "length"],
        optimizer_iterations=5,
        max_length=settings.max_length,
        population_size=settings.population,
        max_evaluations=settings.evaluations,
        random_state=seed,
        n_threads=1,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(scaled, target)
        texts = [search.get_model_string(one["tree"], 12, list(names)) for one in search.pareto_front_]
    return [readable(text, scales) for text in texts]


def _pysr(values: np.ndarray, target: np.ndarray, names: Sequence[str], settings: SearchSettings, seed: int):  # type: ignore[no-untyped-def]
    """PySR (Julia is fetched at its first use): deterministic, in series, so that one seed gives one result."""
    from pysr import PySRRegressor

    scaled, scales = _scaled(values, names)
    search = PySRRegressor(
        binary_operators=["+", "-", "*", "/"],
        unary_operators=["exp", "log", "sqrt", "square"],
        maxsize=settings.max_length,
        max_evals=settings.evaluations,
        deterministic=True,
        parallelism="serial",
        random_state=seed,
        progress=False,
        verbosity=0,
        temp_equation_file=True,
    )
    search.fit(scaled, target, variable_names=list(names))
    return [readable(str(text), scales) for text in search.equations_["sympy_format"]]
