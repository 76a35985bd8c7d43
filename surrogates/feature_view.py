"""A trained network as a function of features that a chemist can name, for attribution.

The network reads rows of amounts by species and looks the species' descriptors up in its own tables. Here each row has
the descriptors of its salt, the share-averaged descriptors of its solvents, concentration and temperature as inputs,
and one more input for what descriptors do not say: the learned embedding of a species, between 0 (that of the average
liquid) and 1 (its own).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from saltloop.surrogates.descriptors import DESCRIPTOR_NAMES
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
    """``scaled``: a descriptor divided by its largest absolute value over the species, as the network reads it."""


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
            ValueError: no row with salt, or descriptor tables that do not fit ``DESCRIPTOR_NAMES``.
        """
        self.network = network
        self._encoder = encoder
        self._salts, self._solvents = encoder.salt_slice, encoder.solvent_slice
        buffers, parameters = dict(network.named_buffers()), dict(network.named_parameters())
        self._tables = [buffers[f"{pool}.descriptors"].float() for pool in POOLS]
        for pool, table in zip(POOLS, self._tables, strict=True):
            if table.shape[-1] != len(DESCRIPTOR_NAMES):
                raise ValueError(
                    f"The network's {pool} has {table.shape[-1]} descriptors, DESCRIPTOR_NAMES {len(DESCRIPTOR_NAMES)} "
                    "names; the weights are of another version of saltloop: train again."
                )
        found = [parameters.get(f"{pool}.embedding") for pool in POOLS]
        self._embeddings = [e if e is not None and e.shape[-1] else None for e in found]
        reference = reference.float()
        reference = reference[reference[:, self._salts].sum(-1) > 0]
        if not len(reference):
            raise ValueError("No row holds a salt; attribution needs rows with salt and solvent.")
        shares = [self._salt_shares(reference), reference[:, self._solvents]]
        self._mean_embeddings = [
            None if e is None else (share.mean(0) @ e).unsqueeze(-2)
            for e, share in zip(self._embeddings, shares, strict=True)
        ]
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

    def without_embeddings(self, X: Tensor, *, how: Literal["zero", "average"]) -> Tensor:
        """Predictions (mS/cm), n, with all learned embeddings set to zero, or to the average liquid's."""
        replaced = {}
        for pool, own, mean in zip(POOLS, self._embeddings, self._mean_embeddings, strict=True):
            if own is not None and mean is not None:
                replaced[f"{pool}.embedding"] = torch.zeros_like(own) if how == "zero" else mean.expand_as(own)
        with torch.no_grad():
            predicted: Tensor = functional_call(self.network, replaced, (X.float(),)).mean(0)
        return predicted

    def _one(self, z: Tensor, x: Tensor) -> Tensor:
        values = self._all(x.unsqueeze(0)).squeeze(0)
        shift = torch.zeros_like(values).index_copy(0, self._kept, z - values[self._kept])
        wanted = values + shift
        d = len(DESCRIPTOR_NAMES)
        replaced: dict[str, Tensor] = {
            "salt_pool.descriptors": self._tables[0] + shift[:d],
            "solvent_pool.descriptors": self._tables[1] + shift[d : 2 * d],
        }
        gate = 2 * d
        for pool, own, mean in zip(POOLS, self._embeddings, self._mean_embeddings, strict=True):
            if own is not None and mean is not None:
                replaced[f"{pool}.embedding"] = mean + wanted[gate] * (own - mean)
                gate += 1
        molality, temperature = wanted[-2], wanted[-1]
        salts = x[self._salts] * (molality / x[self._salts].sum().clamp_min(1e-6))
        row = torch.cat([salts, x[self._solvents], temperature.unsqueeze(0)])
        predicted: Tensor = functional_call(self.network, replaced, (row.unsqueeze(0),))
        return predicted.mean(0).squeeze(-1)

    def _all(self, X: Tensor) -> Tensor:
        """Every feature of rows, n x (2 d + identities + 2)."""
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
        features = [Feature(f"salt {name}", "salt descriptors", "scaled") for name in DESCRIPTOR_NAMES]
        features += [Feature(f"solvent {name}", "solvent descriptors", "scaled") for name in DESCRIPTOR_NAMES]
        identities: Sequence[Group] = ("salt identity", "solvent identity")
        for name, embedding in zip(identities, self._embeddings, strict=True):
            if embedding is not None:
                features.append(Feature(f"{name} (learned)", name, "0 to 1"))
        features += [Feature("concentration", "conditions", "mol/kg"), Feature("temperature", "conditions", "K")]
        return tuple(features)
