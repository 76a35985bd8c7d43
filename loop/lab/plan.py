"""How one formulation is made: what to weigh, or what to dispense from the stock solutions, and how far off that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from saltloop.chemistry.density import PREPARATION_TEMPERATURE_K, solvent_density
from saltloop.chemistry.errors import FormulationError, SaltloopError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.result_liquid import from_components
from saltloop.chemistry.result_schema import Component
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.lab.settings import LabSettings, Stock

if TYPE_CHECKING:
    from saltloop.loop.lab.dispense import Source

DEFAULT_BATCH_G = 10.0
#: A component that rounding puts off by more than this is warned of; stocks that cannot come nearer are not used.
LARGE_ERROR = 0.02


@dataclass(frozen=True)
class Portion:
    """Something that goes into the vial."""

    name: str
    mass_g: float
    volume_mL: float | None
    """At 298.15 K; None of what is no liquid then."""


@dataclass(frozen=True)
class Plan:
    """How a batch is made."""

    portions: tuple[Portion, ...]
    is_dispensed: bool
    """From the stocks by volume, else weighed component by component."""
    made: Formulation
    """The liquid that comes of it, with rounded amounts."""
    components: tuple[Component, ...]
    """The same as amounts of each salt and solvent in g, as a result reports them."""
    errors: Mapping[str, float]
    """Relative deviation of each salt's molality and each solvent's mass fraction from what was asked for."""
    mass_g: float
    note: str


def target_masses(formulation: Formulation, mass_g: float) -> dict[str, float]:
    """Mass (g) of each salt and solvent in a batch."""
    salts = {salt.name: m * salt.molar_mass / 1e3 for salt, m in formulation.salt_concentrations("mol/kg")}
    per_gram = 1.0 + sum(salts.values())
    solvents = formulation.mass_fractions
    return {name: mass_g * share / per_gram for name, share in {**solvents, **salts}.items()}


def plan_batch(formulation: Formulation, lab: LabSettings, species: SpeciesBook) -> Plan:
    """How a formulation is made in the lab's batch size, from its stocks where it has any that hold all of it.

    Raises:
        FormulationError: a stock is no liquid, or a density that is needed is not known.
    """
    mass_g = _batch_mass(formulation, lab)
    target = target_masses(formulation, mass_g)
    stocks = [_StockMix.of(stock, lab, species) for stock in lab.stocks]
    missing = sorted(target.keys() - {name for stock in stocks for name in stock.g_per_mL})
    why = f"{', '.join(missing)}: in no stock, so everything is weighed" if stocks and missing else ""
    if stocks and not missing:
        from saltloop.loop.lab.dispense import best_unrounded_error

        unrounded = best_unrounded_error(target, [stock.source for stock in stocks])
        if unrounded <= LARGE_ERROR:
            return _dispensed(formulation, lab, stocks, target, species)
        why = f"the stocks come at best within {100 * unrounded:.1f} %, so everything is weighed"
    step = lab.balance_step_g
    rounded = {name: max(step, round(mass / step) * step) for name, mass in target.items()}
    portions = tuple(
        Portion(name, round(mass, 9), _volume(name, mass, species))
        for name, mass in sorted(rounded.items(), key=_order(species))
    )
    return _plan(formulation, portions, rounded, False, why, species)


def _dispensed(
    formulation: Formulation,
    lab: LabSettings,
    stocks: Sequence[_StockMix],
    target: Mapping[str, float],
    species: SpeciesBook,
) -> Plan:
    from saltloop.loop.lab.dispense import solve

    solution = solve(target, [stock.source for stock in stocks], tolerance=lab.batch_tolerance)
    used = [(stock, volume) for stock, volume in zip(stocks, solution.volumes_mL, strict=True) if volume > 0]
    if not used:
        raise FormulationError(
            f"No stock can be dispensed for {formulation}: the batch is too small for the smallest volumes. Make "
            "'lab.batch' larger."
        )
    made: dict[str, float] = {}
    for stock, volume in used:
        for name, g_per_mL in stock.g_per_mL.items():
            made[name] = made.get(name, 0.0) + g_per_mL * volume
    portions = tuple(Portion(stock.name, round(stock.density * volume, 4), volume) for stock, volume in used)
    notes = [] if solution.is_best else ["not proven to be the best volumes"]
    estimated = [f"{stock.name} ± {100 * stock.density_error:.1f} %" for stock, _ in used if stock.density_error]
    if estimated:
        notes.append(f"density estimated: {', '.join(estimated)}")
    return _plan(formulation, portions, made, True, "; ".join(notes), species)


def _plan(
    asked: Formulation,
    portions: tuple[Portion, ...],
    masses: Mapping[str, float],
    is_dispensed: bool,
    note: str,
    species: SpeciesBook,
) -> Plan:
    components = tuple(
        Component(name=name, amount=round(mass, 6), unit="g") for name, mass in masses.items() if mass > 0
    )
    made = from_components(components, temperature_K=asked.temperature_K, species=species)
    errors = relative_errors(asked, made)
    words = ", ".join(f"{name} {100 * error:+.2f} %" for name, error in errors.items() if abs(error) >= 5e-5)
    rounding = f"rounding: {words}" if words else "rounding: below 0.01 % in each component"
    worst = max(map(abs, errors.values()))
    warning = "WARNING: far from what was asked for" if worst > LARGE_ERROR else ""
    told = "; ".join(filter(None, (warning, rounding, note)))
    return Plan(portions, is_dispensed, made, components, errors, sum(masses.values()), told)


def relative_errors(asked: Formulation, made: Formulation) -> dict[str, float]:
    """How far each salt's molality and each solvent's mass fraction are off; of what should not be there, its share."""
    found = {}
    for before, after in ((asked.molality, made.molality), (asked.mass_fractions, made.mass_fractions)):
        for name in dict.fromkeys((*before, *after)):
            was, now = before.get(name, 0.0), after.get(name, 0.0)
            found[name] = (now - was) / was if was else now
    return found


@dataclass(frozen=True)
class _StockMix:
    name: str
    g_per_mL: Mapping[str, float]
    density: float
    density_error: float
    """Relative; zero where the lab gave the density."""
    min_volume_mL: float
    step_mL: float

    @property
    def source(self) -> Source:
        from saltloop.loop.lab.dispense import Source

        return Source(self.g_per_mL, self.min_volume_mL, self.step_mL)

    @classmethod
    def of(cls, stock: Stock, lab: LabSettings, species: SpeciesBook) -> _StockMix:
        try:
            liquid = Formulation.parse(stock.formulation, species).at(PREPARATION_TEMPERATURE_K)
            density, error = stock.density_g_cm3, 0.0
            if density is None:
                density, error = liquid.solution_density()
        except SaltloopError as problem:
            raise FormulationError(f"Stock {stock.name!r} of 'lab.stocks': {problem}") from None
        return cls(
            stock.name,
            target_masses(liquid, density),
            density,
            error,
            stock.min_volume_mL or lab.dispenser.min_volume_mL,
            stock.step_mL or lab.dispenser.step_mL,
        )


def _batch_mass(formulation: Formulation, lab: LabSettings) -> float:
    if lab.batch.volume_mL is None:
        return lab.batch.mass_g or DEFAULT_BATCH_G
    return lab.batch.volume_mL * formulation.solution_density(PREPARATION_TEMPERATURE_K).value


def _volume(name: str, mass_g: float, species: SpeciesBook) -> float | None:
    one = species.find(name)
    melting_K = one.value("melting_point")
    if one.kind == "salt" or melting_K is None or melting_K > PREPARATION_TEMPERATURE_K or one.value("density") is None:
        return None
    return round(mass_g / solvent_density(one).value, 4)


def _order(species: SpeciesBook):  # type: ignore[no-untyped-def]
    """Solvents first, the largest first; salts last."""
    return lambda pair: (species.find(pair[0]).kind == "salt", -pair[1], pair[0])
