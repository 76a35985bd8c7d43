"""Formulas as sympy expressions: read from a search, in natural units, evaluated as they are printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from saltloop.surrogates.symbolic_features import FeatureSet

SIGNIFICANT_DIGITS = 4


def readable(text: str, scales: Mapping[str, float]) -> Any:
    """A search's formula in natural units (each symbol stands for itself over its scale), constants rounded."""
    import sympy

    symbols = {name: sympy.Symbol(name) for name in scales}
    expression = sympy.sympify(text, locals=symbols)
    expression = expression.subs({symbols[name]: symbols[name] / scale for name, scale in scales.items()})
    numbers = {number: sympy.Float(float(number), SIGNIFICANT_DIGITS) for number in expression.atoms(sympy.Float)}
    return expression.xreplace(numbers)


def compiled(expression: Any, features: FeatureSet) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A formula as a function of feature rows (n x k) and molalities (n) to mS/cm; not finite where undefined."""
    import sympy

    if expression.has(sympy.zoo):  # A division by zero, for which numpy has no name.
        expression = sympy.nan
    function = sympy.lambdify([sympy.Symbol(name) for name in features.symbols], expression, "numpy")

    def evaluate(values: np.ndarray, molality: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            found = np.asarray(function(*values.T))
            if np.iscomplexobj(found):  # The root or the logarithm of a negative constant.
                found = np.where(found.imag == 0, found.real, np.nan)
            fitted = np.broadcast_to(found.astype(float), (len(values),))
            return features.to_conductivity(fitted, molality)

    return evaluate


def complexity_of(expression: Any) -> int:
    """Nodes of an expression: operators, variables, constants."""
    import sympy

    return sum(1 for _ in sympy.preorder_traversal(expression))
