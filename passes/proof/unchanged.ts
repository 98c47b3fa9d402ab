import { type Outcome, ran } from "../../src/compare/outcome.ts";
import { InputError } from "../../src/errors.ts";
import { dataOf, typeOfTensor } from "../../src/graph/constants.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { graphValues, scopeLike } from "../../src/graph/scopes.ts";
import { equalBytes } from "../../src/onnx/bytes.ts";
import { equalSources } from "../../src/onnx/source.ts";
import type { Plan } from "../laurelize/plan.ts";
import { lastRecord, type Recorded, withoutLast } from "../laurelize/strip.ts";
import { insertedParts, pathName, slotName } from "./inserted-parts.ts";

/** What of a result was compared with its original, and every unplanned difference. */
export interface UnchangedReport {
  readonly weights: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly differences: readonly string[];
}

/** Checks that a result is its original, byte for byte, except for what its record lists, and that this was planned. */
export function checkUnchanged(
  original: Graph,
  result: Graph,
  plan: Plan,
): Outcome<UnchangedReport> {
  const recorded = lastRecord(result.file);
  const differences = recorded
    ? lostBytes(original, result, recorded)
    : ["the record of what was inserted is missing, or not at the end of the file"];
  if (recorded && differences.length === 0)
    differences.push(...unplanned(original, result, recorded, plan));
  const { inputs, outputs } = original.file.graph;
  return ran(differences.length === 0, {
    weights: graphValues(original).filter(typeOfTensor).length,
    inputs: inputs.length,
    outputs: outputs.length,
    differences,
  });
}

/** Checks that the result without what was inserted is the original. */
function lostBytes(original: Graph, { file }: Graph, recorded: Recorded): string[] {
  try {
    const same = equalSources(original.file.source, withoutLast(file, recorded));
    return same ? [] : ["without what was inserted, the file is not the original"];
  } catch (error) {
    if (error instanceof InputError) return [error.message];
    throw error;
  }
}

/** Checks that what was inserted is the plan. */
function unplanned(
  original: Graph,
  result: Graph,
  { manifest: { undo } }: Recorded,
  plan: Plan,
): string[] {
  const { nodes, tensors, redirects } = plan.patch;
  const planned = [
    ...nodes.map(({ before, scope, node }) => pathName(before?.scope ?? scope, node.outputs[0])),
    ...tensors.map(({ name, scope }) => pathName(scope, name)),
    ...redirects.map(({ use }) => slotName(use.node, use.index)),
  ];
  const { names, differences } = insertedParts(original, result, undo, plan);
  const isPlanned = [...names].sort().join("\0") === planned.sort().join("\0");
  const others = tensors.filter(({ name, dtype, dims, data, scope }) => {
    const there = scopeLike(result, scope ?? original.main)?.values.get(name);
    const type = there && typeOfTensor(there);
    if (!type) return false;
    const sameType = type.dtype === dtype && type.shape?.join() === dims.join();
    return !sameType || !equalBytes(dataOf(there)!, data);
  });
  return [
    ...differences,
    ...(isPlanned ? [] : ["new nodes, new weights and redirected inputs are not those planned"]),
    ...others.map(({ name }) => `new weight ${name} is not as planned`),
  ];
}
