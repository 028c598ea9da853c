"""How fast networks run: what the compiler emits beside what else could run them, on one machine, in one run.

`providers` times ONNX Runtime alone, on one of its providers. `compare` runs contenders beside each other, each in a
process of its own (`worker`), in rounds (`rounds`); `contenders/` has a file for each kind. `rates` measures what the
machine can do at most, `outcome` is what was found, and `report` and `plot` print it.
"""
