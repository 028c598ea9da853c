"""What is in an ONNX file, whoever made it: read, checked, measured, and told as text or JSON."""
