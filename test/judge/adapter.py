"""Runs a model of optional inputs with its defaults and with an adapter, and tuned models beside it."""

import json
import sys

import numpy as np
import onnxruntime as ort

served, first, second, adapter = sys.argv[1:]


def session(path):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def feeds(of):
    random = np.random.default_rng(0)
    shape = lambda port: [d if isinstance(d, int) else 3 for d in port.shape]
    return {port.name: random.standard_normal(shape(port)).astype(np.float32) for port in of.get_inputs()}


def run(of, given, how=None):
    return [value.tobytes() for value in of.run(None, given, how)]


loaded = ort.LoraAdapter()
loaded.Load(adapter)
options = ort.RunOptions()
options.add_active_adapter(loaded)
given = feeds(session(first))
disabled = session(served)
same = run(disabled, given) == run(session(first), given)
overridden = run(disabled, given, options) == run(session(second), given)
differ = run(disabled, given) != run(disabled, given, options)
print(json.dumps({"default": same, "overridden": overridden, "differ": differ}))
