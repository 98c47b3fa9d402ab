import { entry } from "../../src/entry.ts";
import type { Builder } from "../../src/graph/builder.ts";
import type { Node, Use, Value } from "../../src/graph/graph.ts";
import { type Attributes, float } from "../../src/onnx/new-node.ts";
import type { KnownGraph } from "../residuals/residual.ts";
import { nodeAt, shapeOf } from "./node-at.ts";
import type { LastProduct, RowSum } from "./row-sum.ts";
import type { FoldSite } from "./sites.ts";
import { mapsOf, operandOf, type SlotNames, scaledMaps } from "./write-slots.ts";

interface Naming extends SlotNames {
  readonly facts: KnownGraph;
  /** What a slot reads now. */
  readonly nameAt: (use: Use) => string;
}

/** Writes a sum of rows in place of its node; returns the nodes that it replaces. */
export function writeRowSum(
  to: Builder,
  site: FoldSite,
  { output, last }: RowSum,
  { facts, nameAt, ...slot }: Naming,
): readonly Node[] {
  const { skip, branches, place } = site;
  const { rank, feature } = place;
  const label = `${site.name}.fold`;
  to.about(label, skip.use.node);
  const rows = rowsOf(to);
  const flat = (name: string) => rows(name, rank, feature.size);
  const { opset } = facts.graph.file;
  const result = slot.nameOf(output);
  const write = (op: string, inputs: string[], name: string, attributes: Attributes = {}) => {
    to.node({ name: to.fresh(`${label}.${op}`), op, inputs, outputs: [name], attributes });
    return name;
  };
  const sum = rank === 2 ? result : to.fresh(`${label}.rows`);
  const addend = () => {
    const x = operandOf(to, site, skip, slot);
    if (!last) return flat(to.op.Add(x, operandOf(to, site, branches[0], slot)));
    return last.bias ? to.op.Add(flat(x), nameAt(last.bias)) : flat(x);
  };
  const inRows = { ...place, rank: 2, feature: { ...feature, axis: 1 } };
  mapsOf(to, scaledMaps(site, skip, slot), inRows, {
    nameOf: (value) => flat(slot.nameOf(value)),
    // Measured: faster than a MatMul by a quarter. Its third input is optional from opset 11 on.
    down: (x, A) => (opset >= 11 ? to.op.Gemm(x, A) : to.op.MatMul(x, A)),
    // onnxruntime runs first what is written last: a sum reads x faster than a product.
    up(narrow, B) {
      const added = addend();
      if (!last) return write("Gemm", [narrow, B, added], sum);
      const [h, w] = [0, 1].map((index) => nameAt({ node: last.node, index }));
      const wide = to.op.Gemm(narrow, B, added);
      const [operand, weight] = last.node.inputs.map((value) => shapeOf(facts, value)!);
      const inputs = [rows(h, operand.length, weight[0]!), w, wide];
      return write("Gemm", inputs, sum, attributesOf(facts, last));
    },
  });
  if (rank > 2)
    write("Reshape", [sum, shapeFor(to, facts, output, slot.nameOf(skip.value))], result);
  return [skip.use.node, ...(last?.nodes ?? [])];
}

/** The shape of a value as a Reshape takes it: constant, or that of the skip if several sizes are open. */
function shapeFor(to: Builder, facts: KnownGraph, value: Value, skip: string): string {
  const sizes = shapeOf(facts, value)!.map((size) => size ?? -1);
  const isConstant = sizes.filter((size) => size < 0).length < 2 && !sizes.includes(0);
  return isConstant ? to.to.ints(sizes) : to.op.Shape(skip);
}

/** Reshapes values to [rows, features], each once. */
function rowsOf(to: Builder) {
  const known = new Map<string, string>();
  return (name: string, rank: number, size: number): string =>
    rank === 2 ? name : entry(known, name, () => to.to.reshape(name, [-1, size]));
}

/** The attributes of the Gemm that stands for a product. */
function attributesOf(facts: KnownGraph, { node }: LastProduct): Attributes {
  if (node.op !== "Gemm") return {};
  const at = nodeAt(facts, node);
  const alpha = at.float("alpha", 1);
  const turned = ["transA", "transB"].filter((name) => at.int(name, 0) === 1);
  return {
    ...(alpha === 1 ? {} : { alpha: float(alpha) }),
    ...Object.fromEntries(turned.map((name) => [name, 1])),
  };
}
