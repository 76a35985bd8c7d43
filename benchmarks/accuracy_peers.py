"""The models of the accuracy benchmark: what saltloop is compared with, each at settings that are fixed here.

Settings are the libraries' defaults or common practice for tables of this size, the same for all splits. The SVR's were
chosen on a part of the training rows of another random split; some of those rows are scored here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from accuracy_sampling import SAMPLINGS
from accuracy_scan import descriptors, scan_network
from saltloop.chemistry import SpeciesBook
from saltloop.chemistry.measurement import Measurement
from scipy.stats import norm

LEVELS = (0.5, 0.8, 0.95)
Rows = Sequence[Measurement]


@dataclass(frozen=True)
class Predicted:
    """Mean of each scored row in mS/cm; standard deviation and interval bounds where the model gives them."""

    mean: np.ndarray
    std: np.ndarray | None = None
    low: np.ndarray | None = None
    """``levels x n``, at ``LEVELS``."""
    high: np.ndarray | None = None


Peer = Callable[[Rows, Rows], Predicted]


def saltloop(train: Rows, test: Rows) -> Predicted:
    from saltloop.chemistry.calisol import standard_uncertainty
    from saltloop.surrogates.settings import SurrogateSettings
    from saltloop.surrogates.surrogate import MFNetSurrogate

    book = SpeciesBook.builtin()
    surrogate = MFNetSurrogate(SurrogateSettings(), book, [s.name for s in book.salts], [s.name for s in book.solvents])
    surrogate.fit(list(train), seed=1)
    prediction = surrogate.predict([m.formulation for m in test])
    noise = np.array([standard_uncertainty(max(mean, 0.0)) for mean in prediction.mean])
    bounds = [prediction.interval(level, noise) for level in LEVELS]
    low, high = (np.array([pair[side] for pair in bounds]) for side in (0, 1))
    return Predicted(prediction.mean, prediction.std, low, high)


def normal(mean: np.ndarray, std: np.ndarray) -> Predicted:
    half = np.array([norm.ppf(0.5 + level / 2) * std for level in LEVELS])
    return Predicted(mean, std, mean - half, mean + half)


def svr(train: Rows, test: Rows, *, sampling: str = "none") -> Predicted:
    from sklearn.svm import SVR

    return Predicted(_scaled(SVR(C=100, epsilon=0.02, gamma=0.05, cache_size=1000), train, test, composition, sampling))


def knn(train: Rows, test: Rows) -> Predicted:
    from sklearn.neighbors import KNeighborsRegressor

    return Predicted(_scaled(KNeighborsRegressor(5, weights="distance"), train, test, composition))


def mlp(train: Rows, test: Rows, *, sampling: str = "none") -> Predicted:
    """Two layers of 64 on SCAN's 34 descriptors; stops when a tenth of the training rows no longer gains."""
    from sklearn.neural_network import MLPRegressor

    network = MLPRegressor(
        hidden_layer_sizes=(64, 64), early_stopping=True, n_iter_no_change=20, max_iter=300, random_state=0
    )
    return Predicted(_scaled(network, train, test, descriptors, sampling))


def _scaled(
    model: object, train: Rows, test: Rows, features: Callable[[Rows], np.ndarray], sampling: str = "none"
) -> np.ndarray:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler(), model)
    pipeline.fit(*SAMPLINGS[sampling](features(train), values(train)))
    return pipeline.predict(features(test))


def extra_trees(train: Rows, test: Rows) -> Predicted:
    """Its standard deviation is that of the trees; it was never meant as an interval, and is scored as one."""
    from sklearn.ensemble import ExtraTreesRegressor

    forest = ExtraTreesRegressor(100, random_state=0).fit(composition(train), values(train))
    X = composition(test)
    trees = np.array([tree.predict(X) for tree in forest.estimators_])
    return normal(trees.mean(axis=0), trees.std(axis=0))


def lightgbm(train: Rows, test: Rows) -> Predicted:
    from lightgbm import LGBMRegressor

    model = LGBMRegressor(n_estimators=1500, learning_rate=0.05, num_leaves=31, random_state=0, n_jobs=1, verbose=-1)
    return Predicted(np.asarray(model.fit(composition(train), values(train)).predict(composition(test))))


def xgboost(train: Rows, test: Rows) -> Predicted:
    from xgboost import XGBRegressor

    model = XGBRegressor(
        n_estimators=1500, learning_rate=0.05, max_depth=6, tree_method="hist", random_state=0, n_jobs=1
    )
    return Predicted(model.fit(composition(train), values(train)).predict(composition(test)).astype(float))


def gp(train: Rows, test: Rows) -> Predicted:
    """Matérn-5/2 with a length scale for each feature: fitted on 1,500 random rows, then conditioned on all."""
    from accuracy_gp import matern_gp

    return normal(*matern_gp(composition(train), values(train), composition(test)))


def composition(rows: Rows) -> np.ndarray:
    """Share of each salt, mole fraction of each solvent, molality and temperature."""
    from saltloop.surrogates.encoding import FormulationEncoder

    book = SpeciesBook.builtin()
    encoder = FormulationEncoder(book, [s.name for s in book.salts], [s.name for s in book.solvents])
    X = encoder.encode([m.formulation for m in rows]).numpy()
    salts = X[:, encoder.salt_slice]
    molality = salts.sum(axis=1, keepdims=True)
    return np.hstack([salts / np.maximum(molality, 1e-9), X[:, encoder.solvent_slice], molality, X[:, -1:]])


def values(rows: Rows) -> np.ndarray:
    """Conductivities, mS/cm."""
    return np.array([m.value for m in rows])


def saltloop_scan(trains: Sequence[Rows], tests: Sequence[Rows]) -> list[Predicted]:
    """``preset: scan``, one network for each fold as in SCAN: members of one ensemble, each blind to its own fold."""
    import torch
    from saltloop.surrogates.descriptors import scan_descriptor_table
    from saltloop.surrogates.encoding import FormulationEncoder
    from saltloop.surrogates.ensemble import TrainingRows
    from saltloop.surrogates.ensemble import train as train_ensemble
    from saltloop.surrogates.scan import ScanEnsemble
    from saltloop.surrogates.settings import SurrogateSettings

    book = SpeciesBook.builtin()
    encoder = FormulationEncoder(book, [s.name for s in book.salts], [s.name for s in book.solvents])
    rows = {id(m): m for train in trains for m in train}
    known = [{id(m) for m in train} for train in trains]
    y = torch.as_tensor(values(list(rows.values())))
    data = TrainingRows(encoder.encode([m.formulation for m in rows.values()]), y, torch.zeros_like(y))
    held_out = torch.tensor([[one not in some for one in rows] for some in known])
    settings = SurrogateSettings.model_validate({"preset": "scan", "n_members": max(len(trains), 2)})
    if len(trains) == 1:
        held_out = held_out.expand(2, -1)
    generator = torch.Generator().manual_seed(0)
    salts, solvents = (torch.from_numpy(scan_descriptor_table(some)).float() for some in (book.salts, book.solvents))
    network = ScanEnsemble(settings, salts, solvents, generator)
    train_ensemble(network, data, settings, held_out=held_out, generator=generator)
    return [
        Predicted(network(encoder.encode([m.formulation for m in test]).float())[fold].double().numpy())
        for fold, test in enumerate(tests)
    ]


def scan(trains: Sequence[Rows], tests: Sequence[Rows]) -> list[Predicted]:
    """All folds in one pass: the network is small, and what it costs is the number of steps."""
    pairs = [(descriptors(train), values(train)) for train in trains]
    return [Predicted(mean) for mean in scan_network(pairs, [descriptors(test) for test in tests])]


PEERS: dict[str, Peer] = {
    "saltloop": saltloop,
    "svr": svr,
    "lightgbm": lightgbm,
    "extra-trees": extra_trees,
    "knn": knn,
    "xgboost": xgboost,
    "mlp": mlp,
    "gp": gp,
    **{f"svr+{name}": partial(svr, sampling=name) for name in SAMPLINGS if name != "none"},
    **{f"mlp+{name}": partial(mlp, sampling=name) for name in SAMPLINGS if name != "none"},
}
BATCHED: dict[str, Callable[[Sequence[Rows], Sequence[Rows]], list[Predicted]]] = {
    "saltloop-scan": saltloop_scan,
    "scan": scan,
}
"""All folds in one pass. ``scan`` has SCAN's 34 inputs and its network, as published."""
