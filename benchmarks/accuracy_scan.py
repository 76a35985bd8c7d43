"""SCAN's 34 inputs and its network, as published; one network for each fold, all trained in one pass."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import torch
from saltloop.chemistry import SpeciesBook
from saltloop.chemistry.measurement import Measurement
from torch import Tensor

BLOCKS = (14, 14, 6)
"""Salt, solvents, conditions."""
WIDTH = 16
ETA = 9
BATCH = 256
EPOCHS = 1000
LEARNING_RATE = 0.002
BASES = ("mass", "volume", "mole")


def descriptors(rows: Sequence[Measurement]) -> np.ndarray:
    """``n x 34``: 14 of the salt, 14 of the solvents weighted with the shares as listed, and the 6 conditions.

    Conditions: T/100, whether c is per litre, one flag each for shares by mass, volume and mole, and c as listed.
    Salt and solvent descriptors are divided by their largest absolute values over the salts and over the solvents.
    """
    table = _tables()
    X = np.zeros((len(rows), sum(BLOCKS)))
    for row, one in zip(X, (m.formulation for m in rows), strict=True):
        total = sum(amount for _, amount in one.salts)
        for salt, amount in one.salts:
            row[:14] += (amount / total) * table[salt.name]
        for solvent, share in one.solvents:
            row[14:28] += share * table[solvent.name]
        flags = [float(one.basis == basis) for basis in BASES]
        row[28:] = [one.temperature_K / 100, float(one.concentration_unit == "mol/L"), *flags, total]
    return X


@cache
def _tables() -> dict[str, np.ndarray]:
    book = SpeciesBook.builtin()
    table = {}
    for species in (book.salts, book.solvents):
        block = {one.name: _molecular(one.smiles) for one in species}
        largest = np.abs(np.array(list(block.values()))).max(axis=0)
        table |= {name: row / np.where(largest > 0, largest, 1.0) for name, row in block.items()}
    return table


def _molecular(smiles: str) -> np.ndarray:
    from rdkit import Chem
    from rdkit.Chem import Descriptors, rdMolDescriptors

    molecule = Chem.MolFromSmiles(smiles)
    numbers = (
        Descriptors.MolWt,
        Descriptors.MolLogP,
        Descriptors.TPSA,
        Descriptors.NumRotatableBonds,
        rdMolDescriptors.CalcNumAromaticRings,
        Descriptors.NHOHCount,
        Descriptors.NumRadicalElectrons,
        Descriptors.NumValenceElectrons,
        Descriptors.HeavyAtomMolWt,
        Descriptors.HeavyAtomCount,
        Descriptors.NumHDonors,
        Descriptors.NumHAcceptors,
        Descriptors.Chi0,
        Descriptors.Chi1,
    )
    return np.array([number(molecule) for number in numbers], dtype=float)


def scan_network(
    training: Sequence[tuple[np.ndarray, np.ndarray]],
    scored: Sequence[np.ndarray],
    *,
    epochs: int = EPOCHS,
    seed: int = 0,
) -> list[np.ndarray]:
    """Predictions (mS/cm) of one network for each (X, y) of ``training``, at its rows of ``scored``.

    Adam, mean squared error, batches of 256, weights of the last epoch. The folds share nothing but the clock: a fold
    with fewer rows makes fewer steps, and its weights are taken when it has made them.
    """
    generator = torch.Generator().manual_seed(seed)
    network = _Networks(len(training), generator)
    optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=True)
    longest = max(len(y) for _, y in training)
    X, y = torch.zeros(len(training), longest, sum(BLOCKS)), torch.zeros(len(training), longest)
    for fold, (inputs, target) in enumerate(training):
        X[fold, : len(target)], y[fold, : len(target)] = torch.as_tensor(inputs), torch.as_tensor(target)
    orders = [_order(len(target), epochs, generator) for _, target in training]
    n_steps = [epochs * math.ceil(len(target) / BATCH) for _, target in training]
    which = torch.arange(len(training))[:, None]
    finished: dict[int, list[Tensor]] = {}
    for step in range(max(n_steps)):
        batch = torch.stack(
            [next(order) if step < n else torch.full((BATCH,), -1) for order, n in zip(orders, n_steps, strict=True)]
        )
        present = batch >= 0
        rows = batch.clamp_min(0)
        squares = (network(X[which, rows]) - y[which, rows]).square() * present
        loss = (squares.sum(dim=1) / present.sum(dim=1).clamp_min(1)).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        for fold in (fold for fold, n in enumerate(n_steps) if n == step + 1):
            finished[fold] = [parameter.detach()[fold].clone() for parameter in network.parameters()]
    with torch.no_grad():
        for fold, weights in finished.items():
            for parameter, last in zip(network.parameters(), weights, strict=True):
                parameter[fold] = last
        inputs = [torch.as_tensor(rows, dtype=torch.float32) for rows in scored]
        return [network.one(fold, rows).double().numpy() for fold, rows in enumerate(inputs)]


def _order(n_rows: int, epochs: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Row numbers of one batch after another; -1 fills the last of each epoch."""
    for _ in range(epochs):
        order = torch.full((math.ceil(n_rows / BATCH) * BATCH,), -1)
        order[:n_rows] = torch.randperm(n_rows, generator=generator)
        yield from order.split(BATCH)


class _Networks(torch.nn.Module):
    """One SCAN network for each fold; every parameter has the fold as its first axis."""

    def __init__(self, n_folds: int, generator: torch.Generator) -> None:
        super().__init__()

        def linear(n_in: int, n_out: int, *, bound: float | None = None, bias: bool = True) -> torch.nn.ParameterList:
            # PyTorch's own: uniform in 1/sqrt(inputs); for attention Xavier's, and biases of zero.
            spread = bound or 1 / math.sqrt(n_in)
            weight = (2 * torch.rand(n_folds, n_in, n_out, generator=generator) - 1) * spread
            offset = (2 * torch.rand(n_folds, 1, n_out, generator=generator) - 1) * spread * bias
            return torch.nn.ParameterList([weight, offset])

        self.branches = torch.nn.ModuleList()
        for size in BLOCKS:
            # With one token the softmax of the attention is 1: what is left of it are the value and the output.
            value = linear(size, size, bound=math.sqrt(6 / (4 * size)), bias=False)
            out = linear(size, size, bias=False)
            self.branches.append(torch.nn.ModuleList([value, out, linear(size, WIDTH), linear(WIDTH, WIDTH)]))
        self.merge = linear(len(BLOCKS) * WIDTH, WIDTH)
        self.router = torch.nn.ModuleList([linear(WIDTH, WIDTH), linear(WIDTH, ETA)])
        self.heads = linear(WIDTH, ETA)

    def forward(self, X: Tensor) -> Tensor:
        """``n_folds x n x 34`` to ``n_folds x n``, mS/cm."""
        parts = []
        for block, (value, out, first, second) in zip(X.split(BLOCKS, dim=-1), self.branches, strict=True):
            attended = _apply(out, _apply(value, block))
            parts.append(_apply(second, _apply(first, attended).relu()).relu())
        merged = _apply(self.merge, torch.cat(parts, dim=-1)).abs()
        gates = _apply(self.router[1], _apply(self.router[0], merged).relu()).softmax(dim=-1)
        return (gates * _apply(self.heads, merged)).sum(dim=-1).abs()

    def one(self, fold: int, X: Tensor) -> Tensor:
        """``n x 34`` through the network of one fold."""
        return self(X.expand(self.merge[0].shape[0], *X.shape))[fold]


def _apply(layer: Sequence[Tensor], x: Tensor) -> Tensor:
    return torch.baddbmm(layer[1], x, layer[0])
