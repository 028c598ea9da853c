"""Differential testing: specs by number, and what torch, ONNX Runtime and the compiler each say of
one."""
