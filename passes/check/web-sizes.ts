import { bytes } from "../../src/figures.ts";
import { graphValues, pathOf, scopesOf } from "../../src/graph/scopes.ts";
import type { Model } from "../../src/model.ts";
import { byteLength, externalRange, isExternal } from "../../src/onnx/external.ts";
import { closing } from "../../src/onnx/source.ts";
import type { TargetFinding } from "./finding.ts";

/** protobuf's limit on a file, and that of an ArrayBuffer which browsers hand to wasm. */
const FILE = 2 ** 31;
/** What 32-bit memory holds: the wasm files have no 64-bit memory. */
const TOTAL = 2 ** 32;
/**
 * maxStorageBufferBindingSize and maxBufferSize that every WebGPU device has.
 * @see https://www.w3.org/TR/webgpu/#limits
 */
const BINDING = 2 ** 27;
const BUFFER = 2 ** 28;

/** The bytes of a model's file and of each of its data files. */
export interface WebSizes {
  readonly file: number;
  readonly data: Readonly<Record<string, number>>;
  readonly total: number;
}

/** Measures a model and its data files. */
export function webSizes(model: Model): WebSizes {
  const sizes = model.dataFiles.map((name): [string, number] => [
    name,
    closing(model.folder!.open(name, true), ({ size }) => size),
  ]);
  const total = sizes.reduce((sum, [, size]) => sum + size, model.size);
  return { file: model.size, data: Object.fromEntries(sizes), total };
}

/** Returns the reasons of size for which a model may not run in a browser. */
export function sizeFindings(model: Model, { file, data, total }: WebSizes): TargetFinding[] {
  const findings: TargetFinding[] = [];
  if (file >= FILE)
    findings.push({
      code: "file-too-large",
      weight: "fails",
      text: `the model file has ${bytes(file)}, and at most 2 GB can be loaded; split its weights off with --split 500MB.`,
    });
  for (const [name, size] of Object.entries(data))
    if (size >= FILE)
      findings.push({
        code: "data-too-large",
        weight: "fails",
        text: `${name} has ${bytes(size)}, and a browser loads at most 2 GB at once; split it with --split 500MB.`,
      });
  if (total >= TOTAL)
    findings.push({
      code: "total-too-large",
      weight: "fails",
      text: `model and weights take ${bytes(total)}, and the 32-bit memory of wasm ends at 4 GB; quantize the model.`,
    });
  return [...findings, ...weightFindings(model), ...bodyFindings(model)];
}

/** Single weights beyond the buffers that every WebGPU device has. */
function weightFindings(model: Model): TargetFinding[] {
  return graphValues(model.graph)
    .flatMap(({ name, initializer }) =>
      initializer && "dataType" in initializer
        ? [{ name, bytes: byteLength(initializer) ?? 0 }]
        : [],
    )
    .filter(({ bytes }) => bytes > BINDING)
    .map(({ name, bytes }) => ({
      code: "weight-too-large",
      weight: "limits",
      text: `weight ${name} has ${(bytes / 2 ** 20).toFixed(0)} MiB; a WebGPU device need not bind more than ${BINDING / 2 ** 20} MiB${bytes > BUFFER ? `, nor hold more than ${BUFFER / 2 ** 20} MiB in one buffer` : ""}, so it may run only through wasm.`,
    }));
}

/** Weights in data files that onnxruntime-web does not look up: those of bodies. */
function bodyFindings(model: Model): TargetFinding[] {
  return [...scopesOf(model.graph)].flatMap((scope) => {
    if (scope.kind === "main") return [];
    const outside = [...scope.values.values()].find(
      ({ initializer }) => initializer && "dataLocation" in initializer && isExternal(initializer),
    );
    if (!outside) return [];
    const { location } = externalRange(outside.name, outside.initializer as never);
    const text = `weight ${outside.name} of ${pathOf(scope)} lies in ${location}; onnxruntime-web does not find data of bodies; --split stores it in the model.`;
    return [{ code: "data-in-body", weight: "limits", text }];
  });
}
