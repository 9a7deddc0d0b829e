"""Published checkpoints to ONNX graphs, with the parity checked (extra `export`)."""
