import { tensorOf, typeOfTensor } from "../../src/graph/constants.ts";
import type { Types, Value } from "../../src/graph/graph.ts";
import { own } from "../../src/graph/own.ts";
import { scopesOf } from "../../src/graph/scopes.ts";
import type { Model } from "../../src/model.ts";
import { dataTypeNamed } from "../../src/onnx/dtypes.ts";
import { tensorBytes } from "../../src/onnx/model-file.ts";
import type { TargetFinding } from "./finding.ts";

/** What a caller has to do about a type at the boundary. */
const AT_BOUNDARY: Readonly<Record<string, string>> = {
  float16:
    "its values are a Float16Array if the browser has one, else a Uint16Array of their bits; a float32 input with a Cast behind it runs everywhere",
  int4: "two values share a byte in the JavaScript API; widen it to int8 with a Cast",
  uint4: "two values share a byte in the JavaScript API; widen it to uint8 with a Cast",
};

/** What the types of inputs and outputs ask of a caller in JavaScript. */
export function boundaryFindings({ graph }: Model, types: Types): TargetFinding[] {
  const ports = [
    ...graph.main.inputs.map((value) => ["input", value] as const),
    ...graph.main.outputs.map((value) => ["output", value] as const),
  ];
  return ports.flatMap(([kind, value]): TargetFinding[] => {
    const dtype = types.get(value)?.dtype;
    if (dtype === undefined) return [];
    const what = `${kind} ${value.name} is ${dtype}`;
    if (dataTypeNamed(dtype)?.ort === null)
      return [
        {
          code: "boundary-type",
          weight: "fails",
          text: `${what}, which the JavaScript API has no tensors of; put a Cast to another type there.`,
        },
      ];
    const advice = own(AT_BOUNDARY, dtype);
    return advice === undefined
      ? []
      : [{ code: "boundary-type", weight: "limits", text: `${what}: ${advice}.` }];
  });
}

/** Inputs at which a value beyond the axis is clamped, by operator: the CPU reads them. */
const CLAMPED: Readonly<Record<string, readonly number[]>> = { Slice: [1, 2, 3, 4] };

/** Elements up to which int64 weights are read. */
const READ = 1 << 22;

/** int64 weights that 32 bits do not hold, in which WebGPU computes on int64. */
export function wideIntegerFindings(model: Model): TargetFinding[] {
  const wide = [...scopesOf(model.graph)].flatMap(({ values }) =>
    [...values.values()].filter((value) => isWide(model, value)),
  );
  if (wide.length === 0) return [];
  const names = wide.slice(0, 5).map(({ name }) => name);
  return [
    {
      code: "int64-values",
      weight: "limits",
      text: `${names.join(", ")}${wide.length > 5 ? ` and ${wide.length - 5} more` : ""} ${wide.length > 1 ? "hold" : "holds"} int64 values beyond 31 bits, which WebGPU cuts to 32; through wasm they stay whole.`,
    },
  ];
}

function isWide({ file }: Model, value: Value): boolean {
  const tensor = tensorOf(value);
  if (!tensor || typeOfTensor(value)?.dtype !== "int64") return false;
  if (
    value.uses.length > 0 &&
    value.uses.every(({ node, index }) => own(CLAMPED, node.op)?.includes(index))
  )
    return false;
  const bytes = tensorBytes(file, tensor).slice();
  if (bytes.length > READ * 8) return false;
  return new BigInt64Array(bytes.buffer).some((each) => each !== BigInt.asIntN(32, each));
}
