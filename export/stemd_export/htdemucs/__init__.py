"""HT-Demucs: from a checkpoint to ONNX graphs that stemd runs."""
