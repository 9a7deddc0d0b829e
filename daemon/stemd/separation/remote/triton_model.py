"""The class that Triton's Python backend looks for: one request after another, and each is one segment."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as triton  # which only a server has

from stemd.errors import InferenceError, StemdError
from stemd.separation.remote.serving import Served, options
from stemd.separation.remote.wire import SPAN


class TritonPythonModel:
    """One instance of one specialist, in a process of its own."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the specialist; what is wrong with it is raised, and the server says so.

        Args:
            args: Triton's: among others the model's folder, version and configuration.
        """
        given = {key: each["string_value"] for key, each in json.loads(args["model_config"])["parameters"].items()}
        folder = Path(args["model_repository"]) / args["model_version"]
        self._served = Served(folder, int(given["index"]), options(given))

    def execute(self, requests: list[Any]) -> list[Any]:
        """An answer for each request."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        if request.is_cancelled():  # it waited here for longer than anybody waited for it
            error = triton.TritonError("nobody waits for it any more", triton.TritonError.CANCELLED)
            return triton.InferenceResponse(error=error)
        tensors = {tensor.name(): tensor for tensor in request.inputs()}
        try:
            _check_numpy(tensors[SPAN])
            answer = self._served.run({name: tensor.as_numpy() for name, tensor in tensors.items()})
        except StemdError as exc:
            return triton.InferenceResponse(error=triton.TritonError(str(exc)))
        return triton.InferenceResponse([triton.Tensor(name, values) for name, values in answer.items()])


def _check_numpy(tensor: Any) -> None:
    """See whether this Triton knows this NumPy: one built for NumPy 1 takes every element of NumPy 2's for the first.

    Raises:
        InferenceError: it does not.
    """
    if not np.array_equal(tensor.as_numpy(), np.from_dlpack(tensor)):
        fault = f"this Triton was built for NumPy 1, and here is {np.__version__}: pip install 'numpy<2' for its Python"
        triton.Logger.log_error(fault)  # at once, for a server that cannot be warmed may not live to tell
        raise InferenceError(fault)
