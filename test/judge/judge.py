"""Judges ONNX files by onnx's checker and onnxruntime: one JSON request a line in, one answer out.

Request: {"model": path, "like": path of the original, "run": whether to run both, "levels": [...]}
Answer:  {"model": path, "checks": {name: null or the reason of the failure},
          "run": null if equal, "skipped: ..." if the original does not run, else the difference}
"""

import json
import os
import sys

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnx
import onnx.checker
import onnx.shape_inference
import onnxruntime as ort

ort.set_default_logger_severity(4)

LEVELS = {
    "disabled": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int16)": np.int16,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}


def reason(check):
    """Runs a check; None if it passes, else the first lines of what it says."""
    try:
        check()
        return None
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:600]


def session(path, level):
    options = ort.SessionOptions()
    options.graph_optimization_level = LEVELS[level]
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def feeds_of(inputs):
    """Seeded numbers for every input; free dimensions are 2."""
    random = np.random.default_rng(0)
    feeds = {}
    for one in inputs:
        dtype = TYPES.get(one.type)
        if dtype is None:
            raise ValueError(f"no inputs of type {one.type} are made")
        dims = [d if isinstance(d, int) and d > 0 else 2 for d in one.shape]
        if np.issubdtype(dtype, np.floating):
            feeds[one.name] = random.standard_normal(dims).astype(dtype)
        elif dtype == np.bool_:
            feeds[one.name] = np.ones(dims, dtype)
        else:
            feeds[one.name] = random.integers(0, 2, dims).astype(dtype)
    return feeds


def compared(path, other):
    """Runs both with optimizations disabled; None if all outputs of `other` are the same bits."""
    try:
        first = session(other, "disabled")
        feeds = feeds_of(first.get_inputs())
        names = [one.name for one in first.get_outputs()]
        expected = first.run(names, feeds)
    except Exception as error:
        return f"skipped: {error}"[:300]
    second = session(path, "disabled")
    wanted = {one.name for one in second.get_inputs()}
    got = second.run(names, {k: v for k, v in feeds.items() if k in wanted})
    for name, a, b in zip(names, expected, got):
        if not isinstance(a, np.ndarray):
            continue
        if a.dtype != b.dtype or a.shape != b.shape:
            return f"{name}: {a.dtype}{a.shape} became {b.dtype}{b.shape}"
        # A zero may lose its sign: LAuReL adds +0.
        if a.tobytes() != b.tobytes() and not np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
            return f"{name}: not equal bit for bit"
    return None


def judge(request):
    path = request["model"]
    model = onnx.load(path, load_external_data=False)

    def strict():
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)

    checks = {
        "checker": reason(lambda: onnx.checker.check_model(path)),
        "full check": reason(lambda: onnx.checker.check_model(path, full_check=True)),
        "strict inference": reason(strict),
    }
    for level in request.get("levels", list(LEVELS)):
        checks[f"onnxruntime, {level}"] = reason(lambda: session(path, level))
    answer = {"model": path, "checks": checks}
    if request.get("run") and checks.get("onnxruntime, disabled") is None:
        try:
            answer["run"] = compared(path, request["like"])
        except Exception as error:
            answer["run"] = f"{type(error).__name__}: {error}"[:600]
    return answer


# onnx's checker prints warnings on stdout from C++: what it writes there goes to stderr.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for line in sys.stdin:
    if line.strip():
        print(json.dumps(judge(json.loads(line))), file=answers, flush=True)
