"""Our ONNX in OpenVINO, on a CPU: the halves as a hint to its float32 model, int8 from our int8 model."""

from __future__ import annotations

from resnet_compiler.bench.jobs import IMAGE, Contender, Job, Running
from resnet_compiler.support.arrays import read_array

HINTS = {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "int8": "f32"}
"""What it computes in; of its own accord it would compute in bfloat16 where a processor can."""


def _file(precision: str) -> str:
    return "int8.onnx" if precision == "int8" else "float32.onnx"


def _compiled(job: Job) -> Running:
    import numpy as np
    import openvino

    core = openvino.Core()
    settings = {
        "INFERENCE_PRECISION_HINT": HINTS[job.precision],
        "INFERENCE_NUM_THREADS": job.threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    model = core.read_model(job.path(_file(job.precision)))
    image = read_array(job.path(IMAGE))[: job.batch]
    model.reshape(list(image.shape))
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    request.set_input_tensor(openvino.Tensor(image))
    return Running(
        request.infer, lambda: np.array(request.get_output_tensor().data, np.float32, copy=True)
    )


OPENVINO = Contender(
    "openvino",
    "our ONNX in OpenVINO",
    ("openvino",),
    {"cpu": tuple(HINTS)},
    lambda precision: (_file(precision),),
    _compiled,
)
