"""PyTorch in one thread: two of them on a busy machine wait for each other more than they compute."""

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
