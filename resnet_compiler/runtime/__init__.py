"""What runs a network: torch and ONNX Runtime, side by side, down to the single layer."""
