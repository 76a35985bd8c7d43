"""One thread for torch: where the work is small, shared by other workers, or must give the same digits everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Each tensor operation on one thread. On a shared core several wait for each other, and last digits depend on how
    many there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
