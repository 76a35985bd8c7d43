"""What every BoTorch model of one quantity says of its shape."""

from __future__ import annotations

import torch


class SingleOutput:
    """One output, no batch of models. Named before the BoTorch base class."""

    @property
    def num_outputs(self) -> int:
        return 1

    @property
    def batch_shape(self) -> torch.Size:
        return torch.Size([])
