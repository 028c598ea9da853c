"""Our ONNX in ONNX Runtime, in each precision, its input and output on the device."""

from __future__ import annotations

from resnet_compiler.bench.jobs import IMAGE, CannotRun, Contender, Job, Running
from resnet_compiler.support.arrays import read_array

PRECISIONS = ("float32", "float16", "bfloat16", "int8")
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def _session(job: Job) -> Running:
    import numpy as np
    import onnxruntime

    wanted = PROVIDERS[job.device]
    if wanted not in onnxruntime.get_available_providers():
        has = ", ".join(onnxruntime.get_available_providers())
        raise CannotRun(f"this onnxruntime ({onnxruntime.__version__}) has no {wanted}, only {has}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job.threads
    options.log_severity_level = 3
    # float32 is float32, without TF32, as for the others
    settings = {"use_tf32": "0"} if job.device == "cuda" else {}
    path = str(job.path(f"{job.precision}.onnx"))
    session = onnxruntime.InferenceSession(path, options, providers=[(wanted, settings)])
    if wanted not in session.get_providers():
        raise CannotRun(f"{wanted} could not be started")
    given = session.get_inputs()[0]
    image = read_array(job.path(IMAGE))[: job.batch]
    binding = session.io_binding()
    if given.type == "tensor(bfloat16)":
        from ml_dtypes import bfloat16
        from onnx import TensorProto

        value = onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(
            image.astype(bfloat16), TensorProto.BFLOAT16
        )
    else:
        kind = np.float16 if given.type == "tensor(float16)" else np.float32
        value = onnxruntime.OrtValue.ortvalue_from_numpy(image.astype(kind), job.device, 0)
    binding.bind_ortvalue_input(given.name, value)
    binding.bind_output(session.get_outputs()[0].name, job.device)

    def run() -> None:
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()

    return Running(run, lambda: binding.copy_outputs_to_cpu()[0].astype(np.float32))


ONNXRUNTIME = Contender(
    "onnxruntime",
    "our ONNX in ONNX Runtime",
    ("onnxruntime",),
    {"cpu": PRECISIONS, "cuda": PRECISIONS},
    lambda precision: (f"{precision}.onnx",),
    _session,
)
