"""Spleeter (Deezer): TensorFlow checkpoint to ONNX, without TensorFlow."""

from stemd_export.spleeter.export import export_spleeter

__all__ = ["export_spleeter"]
