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
from saltloop.loop.space.candidates import Candidates
from saltloop.loop.space.mixtures import positions
from saltloop.loop.space.properties import COLUMNS, ESTIMATED_COLUMNS, PREDICTED_COLUMNS, SOLVENT_COLUMNS, Properties

OVER_SOLVENTS = ("min", "max", "average")
FUNCTIONS = ("share", "salt_share", *OVER_SOLVENTS, "overall")

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


class Expression:
    """Numbers that are worked out for candidates: ``0.5 * mixture_viscosity_mPa_s``, ``overall(cost_per_kg)``.

    Raises:
        ConstraintError: it is not an expression, or names an unknown column; near names are proposed.
        UnknownSpeciesError: it names a salt or solvent that is not in the book.
    """

    def __init__(self, text: str, properties: Properties) -> None:
        self.text, self._properties = text, properties
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except SyntaxError as error:
            self._fail(f"it cannot be read at {(error.text or '').strip()[max((error.offset or 1) - 1, 0) :]!r}")
        self._used = {node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name)}
        #: Whether it can be worked out only after the surrogate has been asked.
        self.needs_prediction = bool(self._used & set(PREDICTED_COLUMNS))
        self._try(_Row(properties.example(), dict.fromkeys(PREDICTED_COLUMNS, np.ones(1))))

    def values(self, candidates: Candidates, predicted: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
        """Of ``n`` candidates, n; NaN where a value that is needed is not known."""
        value = self._number(self._tree, _Row(candidates, predicted or {}))
        if np.ndim(value) == 2:
            self._fail(f"it has a value for each solvent; write, for example, 'average({self.text})'")
        return np.broadcast_to(value, (len(candidates),))

    def _try(self, row: _Row) -> None:
        self.values(row.candidates, row.predicted)

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
                try:
                    with np.errstate(divide="ignore", invalid="ignore"):
                        return _ARITHMETIC[type(node.op)](left, right)
                except ZeroDivisionError:  # Of two plain numbers; columns give infinity.
                    self._fail(f"'{ast.unparse(node)}' divides by zero")
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
        if name in SOLVENT_COLUMNS or name in self._properties.own:
            return self._properties.of_solvents(name)[candidates.solvents]
        if name in ESTIMATED_COLUMNS:
            return self._properties.estimated(name, candidates)
        if name in row.predicted:
            return row.predicted[name]
        match name:
            case "molality":
                return candidates.molality
            case "temperature_K":
                return candidates.temperature_K
            case "temperature_C":
                return candidates.temperature_K - 273.15
            case "n_solvents":
                return (candidates.shares > 0).sum(axis=1).astype(float)
            case "n_salts":
                return (candidates.salt_shares > 0).sum(axis=1).astype(float)
            case "salt":
                self._fail('\'salt\' is compared with a name: salt == "LiPF6", or salt in ("LiPF6", "LiFSI")')
        columns = (*COLUMNS, *self._properties.own)
        near = difflib.get_close_matches(name, (*columns, *FUNCTIONS), n=3, cutoff=0.5)
        proposal = f"did you mean {' or '.join(near)}?" if near else f'there are {", ".join(columns)}, and share("EC").'
        self._fail(f"there is no column {name!r}; {proposal.removesuffix('.')}")

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
        wanted = [self._properties.species.salt(self._name(one)) for one in listed]
        candidates, is_not = row.candidates, isinstance(sign, ast.NotEq | ast.NotIn)
        is_one = np.isin(candidates.salts, [i for salt in wanted for i in positions(salt, self._properties.salts)])
        holds = ((is_one != is_not) | (candidates.salt_shares == 0)).all(axis=1)
        return Verdict(holds, ~holds)

    def _call(self, function: str, argument: ast.AST, row: _Row) -> Any:
        candidates, known = row.candidates, self._properties
        shares = candidates.shares
        if function in ("share", "salt_share"):
            is_share = function == "share"
            wanted = (known.species.solvent if is_share else known.species.salt)(self._name(argument))
            codes, amounts = (candidates.solvents, shares) if is_share else (candidates.salts, candidates.salt_shares)
            is_it = np.isin(codes, positions(wanted, known.solvents if is_share else known.salts))
            return np.where(is_it, amounts, 0.0).sum(axis=1)
        if function == "overall":
            if not (isinstance(argument, ast.Name) and argument.id in known.own):
                self._fail(f"overall() takes one of the file's 'columns': {', '.join(known.own) or 'there is none'}")
            return known.overall(argument.id, candidates)
        if function not in OVER_SOLVENTS:
            self._fail(f"there is no function {function!r}; there are {', '.join(FUNCTIONS)}")
        values = self._number(argument, row)
        if np.ndim(values) != 2:
            self._fail(f"{function}() takes a column of the solvents: {', '.join((*SOLVENT_COLUMNS, *known.own))}")
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


class Constraint(Expression):
    """What must hold of a candidate: ``flash_point_C > 30 and molality < 1.5``."""

    @property
    def unknown(self) -> dict[str, list[str]]:
        """Column -> solvents of the space for which the constraint would need it and nobody knows it."""
        found: dict[str, list[str]] = {}
        for column in sorted(self._used):
            found |= self._properties.unknown(column)
        return found

    def judge(self, candidates: Candidates, predicted: Mapping[str, np.ndarray] | None = None) -> Verdict:
        """Judge ``n`` candidates; the values of ``predicted`` have shape n."""
        result = self._evaluate(self._tree, _Row(candidates, predicted or {}))
        if not isinstance(result, Verdict):
            self._fail("it compares nothing; write, for example, 'flash_point_C > 30'")
        return result

    def _try(self, row: _Row) -> None:
        self.judge(row.candidates, row.predicted)


@dataclass(frozen=True)
class _Row:
    candidates: Candidates
    predicted: Mapping[str, np.ndarray]
