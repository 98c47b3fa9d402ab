"""Prints the operators of the installed onnx and onnxruntime as JSON, one row each.

A row is [operator, versions, deprecated, function body]: the name with its domain unless that is
ai.onnx, the versions of its domain's operator set at which it was defined or changed, whether the
last of these takes it away, and whether its schema brings a function ("yes", "by context" or "no").

    python schemas.py > schemas.json
"""

import json

import onnx
import onnx.defs
import onnxruntime
import onnxruntime.capi.onnxruntime_pybind11_state as runtime

RUNTIME_DOMAINS = ("com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc")


def row(domain, name, schemas):
    last = max(schemas, key=lambda one: one.since_version)
    whole = getattr(last, "has_function", False)
    by_context = getattr(last, "has_context_dependent_function", False)
    body = "yes" if whole else "by context" if by_context else "no"
    versions = sorted({one.since_version for one in schemas})
    return [f"{domain}.{name}" if domain else name, versions, last.deprecated, body]


def grouped(schemas):
    groups = {}
    for one in schemas:
        groups.setdefault((one.domain, one.name), []).append(one)
    return [row(*key, groups[key]) for key in sorted(groups)]


standard = grouped(onnx.defs.get_all_schemas_with_history())
brought = grouped(s for s in runtime.get_all_operator_schema() if s.domain in RUNTIME_DOMAINS)
rows = ",\n".join(json.dumps(one) for one in standard + brought)
versions = json.dumps({"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__})
print(f'{{ "versions": {versions}, "operators": [\n{rows}\n] }}')
