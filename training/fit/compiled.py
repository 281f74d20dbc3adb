"""torch.compile for training."""

from typing import cast

import torch
from torch import nn


def compiled(network: nn.Module) -> nn.Module:
    """The same network, compiled when it first sees pictures of a size.

    Those sizes are few and known, so each is compiled for itself.
    """
    return cast("nn.Module", torch.compile(network, dynamic=False))


def compile_failure(error: Exception) -> str | None:
    """In one line why a compiled network could not be compiled, or None for another error."""
    # Only asked once compiling has begun: the import alone takes seconds.
    from torch._dynamo.exc import TorchDynamoException

    if not isinstance(error, TorchDynamoException):
        return None
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
