"""Constraints on candidates: small expressions, read without ``eval`` and evaluated on whole columns.

Numbers, ``+ - * /``, comparisons, ``and``, ``or``, ``not``, the columns below, ``share("X")``, and ``min``, ``max``,
``average`` over the solvents. A comparison on a solvents' column holds where it holds for every solvent.

A value that nobody knows makes a comparison neither true nor false (Kleene's logic); such a candidate is dropped.
"""

from __future__ import annotations

import ast
import difflib
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from saltloop.chemistry.errors import SaltloopError
from saltloop.loop.screening_space import Candidates, ScreeningSpace, positions

#: Column of the solvents -> property of the species table, and what is added to it.
SOLVENT_COLUMNS = {
    **{f"{name}_K": (name, 0.0) for name in ("flash_point", "boiling_point", "melting_point")},
    **{f"{name}_C": (name, -273.15) for name in ("flash_point", "boiling_point", "melting_point")},
    "relative_permittivity": ("relative_permittivity", 0.0),
    "viscosity_mPa_s": ("viscosity", 0.0),
    "density_g_cm3": ("density", 0.0),
    "molar_mass_g_mol": ("molar_mass", 0.0),
}
MIXTURE_COLUMNS = ("molality", "temperature_K", "temperature_C", "n_solvents", "salt")
#: Known once a candidate is scored, mS/cm.
PREDICTED_COLUMNS = ("mean", "std", "lower", "upper")
OVER_SOLVENTS = ("min", "max", "average")
COLUMNS = (*SOLVENT_COLUMNS, *MIXTURE_COLUMNS, *PREDICTED_COLUMNS)

_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


class ConstraintError(SaltloopError, ValueError):
    """A constraint that cannot be read, or that names what is not there."""


@dataclass(frozen=True)
class Verdict:
    """Of each candidate: whether a constraint holds, and whether it fails. Neither: a value is not known."""

    holds: np.ndarray
    fails: np.ndarray


class Constraint:
    """One constraint on the candidates of a space.

    Raises:
        ConstraintError: it is not an expression, or names an unknown column; near names are proposed.
        UnknownSpeciesError: it names a salt or solvent that is not in the book.
    """

    def __init__(self, text: str, space: ScreeningSpace) -> None:
        self.text, self._space = text, space
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except SyntaxError as error:
            self._fail(f"it cannot be read at {(error.text or '').strip()[max((error.offset or 1) - 1, 0) :]!r}")
        self._tables: dict[str, np.ndarray] = {}
        self._used = {node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name)}
        #: Whether it can be judged only after the surrogate has been asked.
        self.needs_prediction = bool(self._used & set(PREDICTED_COLUMNS))
        first = space.decode(np.array([0]))
        self.judge(first, np.ones(1), dict.fromkeys(PREDICTED_COLUMNS, np.ones(1)))

    @property
    def unknown(self) -> dict[str, list[str]]:
        """Property -> solvents of the space for which the constraint would need it and nobody knows it."""
        found = {}
        for column in sorted(self._used & set(SOLVENT_COLUMNS)):
            names = [
                s.name for s, value in zip(self._space.solvents, self._table(column), strict=False) if value != value
            ]
            if names:
                found[SOLVENT_COLUMNS[column][0]] = names
        return found

    def judge(
        self, candidates: Candidates, molality: np.ndarray, predicted: Mapping[str, np.ndarray] | None = None
    ) -> Verdict:
        """Judge ``n`` candidates; ``molality`` and the values of ``predicted`` have shape n."""
        result = self._evaluate(self._tree, _Row(candidates, molality, predicted or {}))
        if not isinstance(result, Verdict):
            self._fail("it compares nothing; write, for example, 'flash_point_C > 30'")
        return result

    def _evaluate(self, node: ast.AST, row: _Row) -> Any:
        """A Verdict, or numbers: a float, n values, or n x k values of the solvents."""
        match node:
            case ast.Constant(value=bool()):
                self._fail(f"{node.value!r} is not a number")
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name():
                return self._column(node.id, row)
            case ast.UnaryOp(op=ast.USub()):
                return -self._number(node.operand, row)
            case ast.UnaryOp(op=ast.Not()):
                verdict = self._truth(node.operand, row)
                return Verdict(holds=verdict.fails, fails=verdict.holds)
            case ast.BinOp() if type(node.op) in _ARITHMETIC:
                left, right = self._aligned(self._number(node.left, row), self._number(node.right, row))
                with np.errstate(divide="ignore", invalid="ignore"):
                    return _ARITHMETIC[type(node.op)](left, right)
            case ast.BoolOp():
                verdicts = [self._truth(value, row) for value in node.values]
                both, either = np.logical_and.reduce, np.logical_or.reduce
                if isinstance(node.op, ast.Or):
                    both, either = either, both
                return Verdict(both([v.holds for v in verdicts]), either([v.fails for v in verdicts]))
            case ast.Compare():
                return self._compare(node, row)
            case ast.Call(func=ast.Name(id=function), args=[argument], keywords=[]):
                return self._call(function, argument, row)
        self._fail(f"'{ast.unparse(node)}' is not part of a constraint; quote names that are not plain words")

    def _column(self, name: str, row: _Row) -> Any:
        candidates = row.candidates
        if name in SOLVENT_COLUMNS:
            return self._table(name)[candidates.solvents]
        if name in row.predicted:
            return row.predicted[name]
        match name:
            case "molality":
                return row.molality
            case "temperature_K":
                return candidates.temperature_K
            case "temperature_C":
                return candidates.temperature_K - 273.15
            case "n_solvents":
                return (candidates.shares > 0).sum(axis=1).astype(float)
            case "salt":
                self._fail('\'salt\' is compared with a name: salt == "LiPF6", or salt in ("LiPF6", "LiFSI")')
        near = difflib.get_close_matches(name, (*COLUMNS, "share"), n=3, cutoff=0.5)
        proposal = f"did you mean {' or '.join(near)}?" if near else f'there are {", ".join(COLUMNS)}, and share("EC").'
        self._fail(f"there is no column {name!r}; {proposal.removesuffix('.')}")

    def _table(self, column: str) -> np.ndarray:
        """Values of the space's solvents, and of none at the end; NaN where nobody knows."""
        if column not in self._tables:
            key, shift = SOLVENT_COLUMNS[column]
            values = [s.value(key) for s in self._space.solvents]
            self._tables[column] = np.array([np.nan if v is None else v + shift for v in values] + [np.nan])
        return self._tables[column]

    def _compare(self, node: ast.Compare, row: _Row) -> Verdict:
        if isinstance(node.left, ast.Name) and node.left.id == "salt":
            return self._compare_salt(node, row)
        verdicts, left = [], self._number(node.left, row)
        for sign, right_node in zip(node.ops, node.comparators, strict=True):
            if type(sign) not in _COMPARISONS:
                self._fail("only 'salt' can be 'in' a list")
            right = self._number(right_node, row)
            verdicts.append(self._verdict(type(sign), left, right, row))
            left = right
        holds = np.logical_and.reduce([v.holds for v in verdicts])
        return Verdict(holds, np.logical_or.reduce([v.fails for v in verdicts]))

    def _verdict(self, sign: type, left: Any, right: Any, row: _Row) -> Verdict:
        left, right = self._aligned(left, right)
        is_true = _COMPARISONS[sign](left, right)
        is_known = ~(np.isnan(left) | np.isnan(right))
        if np.ndim(is_true) == 2:
            is_there = row.candidates.shares > 0
            return Verdict(
                holds=((is_true & is_known) | ~is_there).all(axis=1),
                fails=(~is_true & is_known & is_there).any(axis=1),
            )
        shape = (len(row.candidates),)
        return Verdict(np.broadcast_to(is_true & is_known, shape), np.broadcast_to(~is_true & is_known, shape))

    def _compare_salt(self, node: ast.Compare, row: _Row) -> Verdict:
        sign, right = node.ops[0], node.comparators[0]
        listed = right.elts if isinstance(right, ast.Tuple | ast.List) else [right]
        if len(node.ops) > 1 or not isinstance(sign, ast.Eq | ast.NotEq | ast.In | ast.NotIn):
            self._fail("a salt is compared by ==, !=, in, or not in")
        wanted = [self._space.species.salt(self._name(one)) for one in listed]
        is_one = np.isin(row.candidates.salt, [i for salt in wanted for i in positions(salt, self._space.salts)])
        return Verdict(~is_one, is_one) if isinstance(sign, ast.NotEq | ast.NotIn) else Verdict(is_one, ~is_one)

    def _call(self, function: str, argument: ast.AST, row: _Row) -> Any:
        shares = row.candidates.shares
        if function == "share":
            wanted = self._space.species.solvent(self._name(argument))
            is_it = np.isin(row.candidates.solvents, positions(wanted, self._space.solvents))
            return np.where(is_it, shares, 0.0).sum(axis=1)
        if function not in OVER_SOLVENTS:
            self._fail(f"there is no function {function!r}; there are share, {', '.join(OVER_SOLVENTS)}")
        values = self._number(argument, row)
        if np.ndim(values) != 2:
            self._fail(f"{function}() takes a column of the solvents: {', '.join(SOLVENT_COLUMNS)}")
        if function == "average":
            return np.where(shares > 0, values * shares, 0.0).sum(axis=1)
        fill = np.inf if function == "min" else -np.inf
        return getattr(np, function)(np.where(shares > 0, values, fill), axis=1)

    def _number(self, node: ast.AST, row: _Row) -> Any:
        value = self._evaluate(node, row)
        return self._fail(f"'{ast.unparse(node)}' is not a number") if isinstance(value, Verdict) else value

    def _truth(self, node: ast.AST, row: _Row) -> Verdict:
        value = self._evaluate(node, row)
        return value if isinstance(value, Verdict) else self._fail(f"'{ast.unparse(node)}' compares nothing")

    def _name(self, node: ast.AST) -> str:
        match node:
            case ast.Constant(value=str()):
                return str(node.value)
            case ast.Name():
                return node.id
        return self._fail(f"'{ast.unparse(node)}' is not a name; quote it: \"{ast.unparse(node).replace(' ', '')}\"")

    @staticmethod
    def _aligned(left: Any, right: Any) -> tuple[Any, Any]:
        """Values of mixtures and of their solvents side by side: n becomes n x 1 where the other is n x k."""
        if np.ndim(left) == 1 and np.ndim(right) == 2:
            return left[:, None], right
        if np.ndim(left) == 2 and np.ndim(right) == 1:
            return left, right[:, None]
        return left, right

    def _fail(self, why: str) -> NoReturn:
        raise ConstraintError(f"Constraint '{self.text}': {why}.")


@dataclass(frozen=True)
class _Row:
    candidates: Candidates
    molality: np.ndarray
    predicted: Mapping[str, np.ndarray]
