"""A trained network as a function of features that a chemist can name, for attribution.

The network reads rows of amounts by species and looks the species' descriptors up in its own tables. Here each row has
the descriptors of its salt, the share-averaged descriptors of its solvents, concentration and temperature as inputs,
and one more input for what descriptors do not say: the learned embedding of its species, between 0 (withheld, as for a
species that was never measured) and 1 (its own).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from saltloop.surrogates import descriptors
from saltloop.surrogates.encoding import FormulationEncoder
from torch import Tensor, nn
from torch.func import functional_call, vmap

Group = Literal["salt descriptors", "solvent descriptors", "salt identity", "solvent identity", "conditions"]

#: Rows that go through the network at once; each has tables of its own, so memory goes with it.
ROWS_AT_ONCE = 128
POOLS = ("salt_pool", "solvent_pool")


@dataclass(frozen=True)
class Feature:
    """One input of a ``FeatureView``."""

    name: str
    group: Group
    unit: str
    """``scaled``: a descriptor as the network reads it, on a scale common to the species."""


class FeatureView:
    """The mean of an ensemble's members (mS/cm) as a function of named features of encoded rows.

    A descriptor of a mixture is shifted by shifting that descriptor of all its species, so that their differences stay.
    What remains at the average liquid's features is the composition beyond averages.

    >>> view = FeatureView(surrogate.model().network, surrogate.encoder, rows)
    >>> view(view.features(rows), rows)  # the predictions themselves
    """

    def __init__(self, network: nn.Module, encoder: FormulationEncoder, reference: Tensor) -> None:
        """``reference``: encoded rows (n x dim) whose mean features are the average liquid's.

        Raises:
            ValueError: no row with salt, or descriptor tables of a width that has no names.
        """
        self.network = network
        self._encoder = encoder
        self._salts, self._solvents = encoder.salt_slice, encoder.solvent_slice
        buffers, parameters = dict(network.named_buffers()), dict(network.named_parameters())
        self._tables = [buffers[f"{pool}.descriptors"].float() for pool in POOLS]
        self._names = [descriptor_names(table.shape[-1]) for table in self._tables]
        found = [parameters.get(f"{pool}.embedding") for pool in POOLS]
        self._embeddings = [e if e is not None and e.shape[-1] else None for e in found]
        reference = reference.float()
        reference = reference[reference[:, self._salts].sum(-1) > 0]
        if not len(reference):
            raise ValueError("No row holds a salt; attribution needs rows with salt and solvent.")
        self.all_features = self._feature_list()
        everything = self._all(reference)
        spread = everything.std(0, correction=0)
        gates = torch.tensor([f.group.endswith("identity") for f in self.all_features])
        self._kept = ((spread > 1e-6) | gates).nonzero().squeeze(-1)
        self._defaults = everything.mean(0)
        #: Features that differ among the reference rows; the others say nothing and are left out.
        self.features_used: tuple[Feature, ...] = tuple(self.all_features[i] for i in self._kept)
        self.features_constant: tuple[Feature, ...] = tuple(
            f for i, f in enumerate(self.all_features) if i not in set(self._kept.tolist())
        )
        #: Standard deviation of each used feature over the reference rows (1 for identities).
        self.spread = torch.where(gates, 1.0, spread)[self._kept]
        #: The average liquid's features (identities: 0).
        self.baseline = torch.where(gates, 0.0, self._defaults)[self._kept]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features_used)

    def features(self, X: Tensor) -> Tensor:
        """The features of encoded rows, n x k: ``view(view.features(X), X)`` is the network's own prediction."""
        return self._all(X.float())[:, self._kept]

    def __call__(self, Z: Tensor, X: Tensor) -> Tensor:
        """Conductivity (mS/cm), n, of the rows ``X`` (n x dim) with their features replaced by ``Z`` (n x k)."""
        predicted: Tensor = vmap(self._one, chunk_size=ROWS_AT_ONCE)(Z.float(), X.float())
        return predicted

    def predictions(self, X: Tensor) -> Tensor:
        """The network's own predictions (mS/cm), n, for encoded rows."""
        with torch.no_grad():
            predicted: Tensor = self.network(X.float()).mean(0)
        return predicted

    def without_embeddings(self, X: Tensor) -> Tensor:
        """Predictions (mS/cm), n, with all learned embeddings withheld."""
        embeddings = zip(POOLS, self._embeddings, strict=True)
        replaced = {f"{pool}.embedding": torch.zeros_like(own) for pool, own in embeddings if own is not None}
        with torch.no_grad():
            predicted: Tensor = functional_call(self.network, replaced, (X.float(),)).mean(0)
        return predicted

    def _one(self, z: Tensor, x: Tensor) -> Tensor:
        values = self._all(x.unsqueeze(0)).squeeze(0)
        shift = torch.zeros_like(values).index_copy(0, self._kept, z - values[self._kept])
        wanted = values + shift
        d, gate = len(self._names[0]), sum(map(len, self._names))
        replaced: dict[str, Tensor] = {
            "salt_pool.descriptors": self._tables[0] + shift[:d],
            "solvent_pool.descriptors": self._tables[1] + shift[d:gate],
        }
        for pool, own in zip(POOLS, self._embeddings, strict=True):
            if own is not None:
                replaced[f"{pool}.embedding"] = wanted[gate] * own
                gate += 1
        molality, temperature = wanted[-2], wanted[-1]
        salts = x[self._salts] * (molality / x[self._salts].sum().clamp_min(1e-6))
        row = torch.cat([salts, x[self._solvents], temperature.unsqueeze(0)])
        predicted: Tensor = functional_call(self.network, replaced, (row.unsqueeze(0),))
        return predicted.mean(0).squeeze(-1)

    def _all(self, X: Tensor) -> Tensor:
        """Every feature of rows, n x (descriptors + identities + 2)."""
        n_gates = sum(e is not None for e in self._embeddings)
        molality = X[:, self._salts].sum(-1, keepdim=True)
        salt = self._salt_shares(X) @ self._tables[0]
        solvent = X[:, self._solvents] @ self._tables[1]
        gates = torch.ones_like(molality).expand(-1, n_gates)
        return torch.cat([salt, solvent, gates, molality, X[:, -1:]], dim=-1)

    def _salt_shares(self, X: Tensor) -> Tensor:
        salts = X[:, self._salts]
        return salts / salts.sum(-1, keepdim=True).clamp_min(1e-6)

    def _feature_list(self) -> tuple[Feature, ...]:
        features = [Feature(f"salt {name}", "salt descriptors", "scaled") for name in self._names[0]]
        features += [Feature(f"solvent {name}", "solvent descriptors", "scaled") for name in self._names[1]]
        identities: Sequence[Group] = ("salt identity", "solvent identity")
        for name, embedding in zip(identities, self._embeddings, strict=True):
            if embedding is not None:
                features.append(Feature(f"{name} (learned)", name, "0 to 1"))
        features += [Feature("concentration", "conditions", "mol/kg"), Feature("temperature", "conditions", "K")]
        return tuple(features)


def descriptor_names(width: int) -> tuple[str, ...]:
    """Names of the columns of a descriptor table of that width.

    Raises:
        ValueError: no table of saltloop's has that many columns.
    """
    tables = [descriptors.DESCRIPTOR_NAMES, getattr(descriptors, "SCAN_NAMES", ())]
    for names in tables:
        if len(names) == width:
            return tuple(names)
    raise ValueError(
        f"The network reads {width} descriptors of a species, this saltloop knows tables of "
        f"{' or '.join(str(len(names)) for names in tables if names)}; train again."
    )
