"""SevenNet: equivariant message-passing potentials whose checkpoints come inside the ``sevenn`` package."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from saltloop.simulators.oracle import OracleSpecError

from .interface import Array

MODELS: Mapping[str, tuple[str, str | None]] = MappingProxyType(
    {
        "sevennet-0": ("7net-0_11july2024", None),
        "sevennet-l3i5": ("7net-l3i5", None),
        "sevennet-mf-0": ("7net-mf-0", "PBE"),
    }
)
"""Our names, with the package's name and the functional that a model of several is asked for. All learned PBE."""
CUTOFF_NM = 0.5
"""Of all of them."""

Device = Literal["auto", "cpu", "cuda"]
KJ_MOL_PER_EV = 96.48533212331


class SevenNet:
    """One SevenNet model for one list of atoms: Park, Kim, Hwang and Han, J. Chem. Theory Comput. 20 (2024) 4857.

    Single precision as trained; ``precision="double"`` is for finite differences. ``device="auto"`` takes CUDA where
    PyTorch has it. ``threads`` of the CPU are set for all of PyTorch in this process; None leaves them. The graph is
    that of the package's own ASE calculator, so that energies and forces are the same.

    Raises:
        OracleSpecError: the package is missing, the model unknown, no CUDA, or an element that the model never saw.
    """

    def __init__(
        self,
        atomic_numbers: tuple[int, ...],
        *,
        model: str = "sevennet-0",
        device: Device = "auto",
        precision: Literal["single", "double"] = "single",
        threads: int | None = None,
    ) -> None:
        if model not in MODELS:
            raise OracleSpecError(f"SevenNet model {model!r} is unknown; use one of {', '.join(MODELS)}.")
        try:
            import torch
            from sevenn.calculator import SevenNetCalculator
            from sevenn.util import pretrained_name_to_path
        except ImportError as error:
            raise OracleSpecError(
                f"{model!r} needs the package 'sevenn' ({error}); pip install 'saltloop[mlff]'."
            ) from None
        if device == "cuda" and not torch.cuda.is_available():
            raise OracleSpecError(
                f"{model} was to compute on CUDA, but PyTorch finds none; use 'device: auto' or 'cpu'."
            )
        if threads is not None:
            torch.set_num_threads(threads)
        name, functional = MODELS[model]
        with warnings.catch_warnings():
            # It warns that CUDA kernels of other packages would be faster.
            warnings.simplefilter("ignore")
            loaded = SevenNetCalculator(name, device=device, modal=functional)
        if unknown := sorted(set(atomic_numbers) - set(loaded.type_map)):
            raise OracleSpecError(f"{model} never saw atomic number(s) {', '.join(map(str, unknown))}.")
        self.atomic_numbers = atomic_numbers
        self.cutoff_nm = loaded.cutoff / 10
        self._cutoff_A, self._functional, self._torch_device = loaded.cutoff, functional, loaded.device
        self._dtype = torch.float64 if precision == "double" else torch.float32
        self._model = loaded.model.to(self._dtype)
        if precision == "double":
            for module in self._model.modules():
                if type(module).__name__ == "OnehotEmbedding":
                    module.register_forward_hook(_as_double)
        # Only positions are differentiated.
        self._model.requires_grad_(False)
        self._numbers = torch.tensor(atomic_numbers, dtype=torch.int64)
        if loaded.device.type == "cpu":
            _keep_freed_memory()
        checkpoint = Path(pretrained_name_to_path(name))
        self._description = {
            "potential": model,
            "checkpoint": checkpoint.name,
            "checkpoint_sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
            "functional": functional or "PBE",
            "cutoff_nm": self.cutoff_nm,
            "precision": precision,
            "sevenn": version("sevenn"),
            "torch": version("torch"),
        }
        self.device = str(loaded.device)

    def energy_and_forces(self, positions_nm: Array, edge_nm: float | None) -> tuple[float, Array]:
        """As ``Potential``."""
        energy_eV, forces_eV_A, _ = self._evaluate(positions_nm, edge_nm)
        return energy_eV * KJ_MOL_PER_EV, forces_eV_A * (10 * KJ_MOL_PER_EV)

    def virial(self, positions_nm: Array, edge_nm: float) -> Array:
        """As ``HasVirial``."""
        xx, yy, zz, xy, yz, zx = self._evaluate(positions_nm, edge_nm)[2]
        volume_A3 = (edge_nm * 10) ** 3
        return np.array([[xx, xy, zx], [xy, yy, yz], [zx, yz, zz]]) * (volume_A3 * KJ_MOL_PER_EV)

    def describe(self) -> dict[str, Any]:
        """Model, hash of its checkpoint, precision, versions."""
        return dict(self._description)

    def _evaluate(self, positions_nm: Array, edge_nm: float | None) -> tuple[float, Array, Array]:
        """Energy (eV), forces (eV/A), and virial per volume (eV/A3: xx, yy, zz, xy, yz, zx)."""
        import sevenn._keys as key
        import torch
        from matscipy.neighbours import neighbour_list
        from sevenn.atom_graph_data import AtomGraphData

        positions = np.asarray(positions_nm, dtype=float) * 10
        # A vacuum is a box so wide that no image is seen.
        edge = float(np.ptp(positions, axis=0).max() + 3 * self._cutoff_A) if edge_nm is None else edge_nm * 10
        first, second, vectors = neighbour_list(
            "ijD",
            positions=positions,
            cell=np.eye(3) * edge,
            pbc=np.full(3, edge_nm is not None),
            cutoff=self._cutoff_A,
        )
        graph: dict[str, Any] = {
            key.NODE_FEATURE: self._numbers,
            key.ATOMIC_NUMBERS: self._numbers,
            key.POS: torch.from_numpy(positions).to(self._dtype),
            key.EDGE_IDX: torch.from_numpy(np.stack([first, second]).astype(np.int64)),
            key.EDGE_VEC: torch.from_numpy(vectors).to(self._dtype),
            key.CELL_VOLUME: torch.tensor(edge**3, dtype=self._dtype),
            key.NUM_ATOMS: torch.tensor(len(positions)),
            key.INFO: {},
        }
        data = AtomGraphData(**graph)
        if self._functional:
            data[key.DATA_MODALITY] = self._functional
        output = self._model(data.to(self._torch_device))
        forces, virial = (
            output[name].detach().cpu().numpy().astype(np.float64) for name in (key.PRED_FORCE, key.PRED_STRESS)
        )
        return output[key.PRED_TOTAL_ENERGY].item(), forces, virial.ravel()


def _as_double(module: Any, _: Any, data: Any) -> Any:
    """The package embeds elements in single precision whatever the model has."""
    for name in (module.key_output, module.key_additional_output):
        if name is not None:
            data[name] = data[name].double()
    return data


def _keep_freed_memory() -> None:
    """Tell glibc to keep freed memory: a step on the CPU frees and takes hundreds of large blocks, each zeroed anew.

    Measured for 148 atoms: 0.4 of 1.8 s of each step went into that. Other C libraries are left as they are.
    """
    import ctypes
    import platform

    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        mmap_threshold, trim_threshold = -3, -1
        libc.mallopt(mmap_threshold, 1 << 30)
        libc.mallopt(trim_threshold, 2**31 - 1)
