"""A machine of the network with a server on it, and what may befall both."""

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tritonclient.utils import InferenceServerException

from stemd.separation.remote import wire
from stemd.separation.store import Model
from stemd_bench.cluster.server import Server
from stemd_bench.cluster.statistics import spent
from tests.cluster.network import Machine, Network

PORT: Final = 8_001
_SIGN: Final = "in-a-wrong-shape"
# The exported model, but for its stems, which lack a frame while the sign is there.
_MISSHAPEN: Final = f'''\
from pathlib import Path

import numpy as np
import triton_python_backend_utils as triton

from stemd.separation.remote import triton_model

SIGN = Path(__file__).with_name("{_SIGN}")


class TritonPythonModel(triton_model.TritonPythonModel):
    def execute(self, requests):
        answers = super().execute(requests)
        return [misshapen(answer) for answer in answers] if SIGN.exists() else answers


def misshapen(answer):
    tensors = {{tensor.name(): tensor.as_numpy() for tensor in answer.output_tensors()}}
    tensors["{wire.STEMS}"] = np.ascontiguousarray(tensors["{wire.STEMS}"][..., :-1])
    return triton.InferenceResponse([triton.Tensor(name, values) for name, values in tensors.items()])
'''


class Site:
    """See the module. The server runs from `start` to `close`, but for what befalls it.

    Args:
        network: of the machine.
        machine: the site's own.
        exported: a repository, of which the site gets a copy.
        model: that is in it.
        folder: where the copy goes.
    """

    def __init__(self, network: Network, machine: Machine, exported: Path, model: Model, folder: Path) -> None:
        self._network, self._machine, self._model = network, machine, model
        self._repository = Path(shutil.copytree(exported, folder / machine.name))
        [code] = self._repository.rglob("model.py")
        code.write_text(_MISSHAPEN, "utf-8")
        self._sign = code.with_name(_SIGN)
        self._server: Server | None = None
        self._reached = True
        self._ends = ExitStack()
        self.address = f"{machine.address}:{PORT}"

    @property
    def name(self) -> str:
        """Of the machine."""
        return self._machine.name

    def start(self) -> None:
        """Start the server; it is ready when this returns."""
        machine = self._machine
        # With a processor of its own it would disturb nobody.
        prefix = ("nice", "-n", "10", *machine.prefix)
        server = Server(self._repository, host=machine.address, port=PORT, prefix=prefix)
        self._server = self._ends.enter_context(server)

    def kill(self) -> None:
        """The server and all that belongs to it end at once, with SIGKILL."""
        assert self._server is not None
        self._server.kill()
        self._ends.close()
        self._server = None

    def cut_off(self) -> None:
        """Nothing comes to the machine or from it any more, and nobody is told."""
        self._reached = False
        self._network.cut_off(self._machine)

    def join(self) -> None:
        """It is plugged in again."""
        self._network.join(self._machine)
        self._reached = True

    def slow_down(self) -> None:
        """What goes to the machine takes long."""
        self._reached = False
        self._network.slow_down(self._machine)

    def widen(self) -> None:
        """It no longer does."""
        self._network.widen(self._machine)
        self._reached = True

    def misshape(self) -> None:
        """From now on the server's stems lack a frame."""
        self._sign.touch()

    def mend(self) -> None:
        """They have it again."""
        self._sign.unlink()

    def ran(self) -> int | None:
        """Segments that the server has run since it was started, by its own count; None where it cannot be asked."""
        if self._server is None or not self._reached:
            return None
        manifest = self._model.manifest
        try:
            return round(spent(self.address, wire.name(manifest, 0), wire.version(manifest))["requests"])
        except InferenceServerException:
            return None

    def close(self) -> None:
        """End the server."""
        self._ends.close()
