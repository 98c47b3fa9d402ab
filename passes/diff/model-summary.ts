import { groupBy } from "../../src/entry.ts";
import { typeOfInfo } from "../../src/graph/graph.ts";
import { allNodes } from "../../src/graph/scopes.ts";
import type { Model } from "../../src/model.ts";
import type { Type } from "../../src/onnx/dtypes.ts";
import type { ValueInfoMessage } from "../../src/onnx/messages.ts";
import { webSizes } from "../check/web-sizes.ts";
import { isLaurelized } from "../laurelize/laurelize.ts";

/** An input or output of a model. Its type is null if it is not a tensor. */
export interface ModelPort {
  readonly name: string;
  readonly type: Type | null;
}

/** What a model is, in numbers. */
export interface ModelSummary {
  readonly name: string;
  /** Bytes of the model file and its data files. */
  readonly bytes: number;
  /** Number of floating-point weights. */
  readonly parameters: number;
  readonly irVersion: number;
  /** Versions of operator sets by domain; ai.onnx is "". */
  readonly opsets: Readonly<Record<string, number>>;
  /** Number of nodes, in bodies and functions too. */
  readonly nodes: number;
  readonly inputs: readonly ModelPort[];
  readonly outputs: readonly ModelPort[];
  readonly laurelized: boolean;
}

/** Summarizes a model. */
export function modelSummary(model: Model): ModelSummary {
  const { file, graph } = model;
  const initialized = new Set(file.graph.initializers.map(({ name }) => name));
  const ports = (infos: readonly ValueInfoMessage[]) =>
    infos.map((info) => ({ name: info.name, type: typeOfInfo(info) }));
  return {
    name: file.source.name,
    bytes: webSizes(model).total,
    parameters: model.weights,
    irVersion: file.message.irVersion,
    opsets: Object.fromEntries(file.opsets),
    nodes: allNodes(graph).length,
    inputs: ports(file.graph.inputs.filter(({ name }) => !initialized.has(name))),
    outputs: ports(file.graph.outputs),
    laurelized: isLaurelized(model),
  };
}

/** How many nodes of an operator two models have. */
export interface OperatorCount {
  readonly op: string;
  readonly before: number;
  readonly after: number;
}

/** Counts the nodes of two models by operator, in bodies and functions too, in the order of names. */
export function operatorCounts(a: Model, b: Model): OperatorCount[] {
  const [before, after] = [a, b].map(({ graph }) => groupBy(allNodes(graph), ({ op }) => op));
  return [...new Set([...before.keys(), ...after.keys()])]
    .sort()
    .map((op) => ({ op, before: before.get(op)?.length ?? 0, after: after.get(op)?.length ?? 0 }));
}
