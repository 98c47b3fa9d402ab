import { entry, groupBy } from "../../src/entry.ts";
import type { Node } from "../../src/graph/graph.ts";
import { allNodes } from "../../src/graph/scopes.ts";
import type { Model } from "../../src/model.ts";

/** An operator of a model that a table of kernels lacks at the model's opset. */
export interface MissingKernel {
  readonly op: string;
  readonly opset: number;
  readonly nodes: number;
}

/** Opset ranges of kernels by domain and operator: "ai.onnx Add" → [[7, 12], [13, 13], [14, ∞]]. */
type Kernels = ReadonlyMap<string, readonly (readonly [number, number])[]>;

/** Reads the table of kernels in onnxruntime-web's docs: "| Add | ai.onnx(7-12,13,14+) |  |". */
export function readKernels(table: string): Kernels {
  const kernels = new Map<string, [number, number][]>();
  for (const [, op, versions] of table.matchAll(/^\| (\w+) \| ([^|]*\)) \|/gm))
    for (const [, domain, list] of versions.matchAll(/([\w.]+)\(([^)]*)\)/g)) {
      const ranges = list.split(",").map((range): [number, number] => {
        const [first, last = first] = range.replace("+", "").split("-").map(Number);
        return [first, range.endsWith("+") ? Number.POSITIVE_INFINITY : last];
      });
      entry(kernels, `${domain} ${op}`, (): [number, number][] => []).push(...ranges);
    }
  return kernels;
}

/** Returns the operators of a model that a table of kernels lacks, the most frequent first. */
export function missingKernels(model: Model, kernels: Kernels): MissingKernel[] {
  const opsetOf = ({ message: { domain } }: Node) => model.file.opsets.get(domain) ?? 1;
  const missing = allNodes(model.graph).filter((node) => {
    const { domain, opType } = node.message;
    const ranges = kernels.get(`${domain || "ai.onnx"} ${opType}`) ?? [];
    const opset = opsetOf(node);
    // A Constant is folded into its readers before kernels are chosen.
    if (node.callee || node.op === "Constant") return false;
    return !ranges.some(([first, last]) => opset >= first && opset <= last);
  });
  return [...groupBy(missing, ({ op }) => op)]
    .map(([op, group]) => ({ op, opset: opsetOf(group[0]), nodes: group.length }))
    .sort((a, b) => b.nodes - a.nodes || (a.op < b.op ? -1 : 1));
}
