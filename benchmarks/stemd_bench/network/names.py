"""The names of the rows of `stemd bench network`."""

from typing import Final

EAGER: Final = "PyTorch eager"
COMPILED: Final = "PyTorch compiled"
PEER: Final = "demucs-onnx"
FAST: Final = "stemd in onnxruntime"
OPENVINO: Final = "stemd in OpenVINO"
APART: Final = "bag: onnxruntime, memory apart"
BAGS: Final = {EAGER: "bag: PyTorch eager", FAST: "bag: onnxruntime", OPENVINO: "bag: OpenVINO"}
CHANGED: Final = {
    "all": "... all four sources",
    "plain": "... attention unfused",
    "split": "... GLU by a split",
    "wide": "... norms on wide tensors",
    "one-stage": "... means in one stage",
    "float16": "... weights in float16",
    "portable": "... portable graph",
}
