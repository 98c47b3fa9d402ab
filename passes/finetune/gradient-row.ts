import type { Builder } from "../../src/graph/builder.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { sideBySide } from "./side-by-side.ts";
import type { TrainedWeight } from "./trained-weights.ts";

/** A trained weight and the name of its gradient. */
export interface Weight {
  readonly of: TrainedWeight;
  readonly gradient: string;
  /** Data type of the gradient; the weight's by default. */
  readonly dtype?: string;
  /** Position of the gradient among those that the backward pass computes. */
  readonly place?: number;
}

/** Weights that are updated as one, in a data type of at least single precision. */
export interface Group {
  readonly members: readonly Weight[];
  readonly dtype: string;
}

/** Elements of a weight above which putting it beside others costs more than it saves. */
const LARGE = 2 ** 18;

const sizeOf = ({ of }: Weight) => elements(of.dims);
const sum = (sizes: readonly number[]) => sizes.reduce((a, b) => a + b, 0);

/** Numbers that are added up one after the other: longer sums in single precision lose digits. */
const WIDTH = 1024;

/** Whether a weight is updated alone. */
export const isUpdatedAlone = (weight: Weight) => sizeOf(weight) > LARGE;

/**
 * Returns the norm of all gradients together, and the gradients of each group as one tensor. All
 * gradients are put in one row, those of large weights as their norms. Of a node's inputs,
 * onnxruntime first computes the one that is written last. So the gradient that the backward pass has
 * first is flattened last, and what it is computed from is freed early. Flatten stays a node of its
 * own, because the optimizer of onnxruntime leaves it in place.
 */
export function gradientRow(builder: Builder, groups: readonly Group[]) {
  const { op, to, constant } = builder;
  const parts = groups.map((group) =>
    group.members.map((weight) => partOf(builder, group, weight)),
  );
  const inOrder = parts.flat().sort((a, b) => (b.weight.place ?? 0) - (a.weight.place ?? 0));
  const rows = new Map(inOrder.map((part) => [part, op.Flatten(part.inRow, { axis: 0 })]));
  const inRows = parts.flat().map((part) => rows.get(part)!);
  const sizes = parts.map((some) => sum(some.map(({ size }) => size)));
  const lines = Math.ceil(sum(sizes) / WIDTH);
  const left = lines > 1 ? lines * WIDTH - sum(sizes) : 0;
  if (left > 0) {
    inRows.push(constant("float", [1, left], new Array(left).fill(0)));
    sizes.push(left);
  }
  const row = inRows.length === 1 ? inRows[0] : op.Concat(inRows, { axis: 1 });
  const cut = to.split(to.reshape(row, [sum(sizes)]), sizes, 0);
  const norm = normOf(builder, row, [lines, sum(sizes) / lines]);
  const gradients = groups.map(({ members }, k) => {
    if (members.length > 1 && isInRow(groups[k], members[0])) return cut[k];
    const side = sideBySide(builder, members);
    return side.join(parts[k].map(({ gradient }) => gradient));
  });
  return { norm, gradients };
}

const isInRow = ({ dtype }: Group, weight: Weight) => dtype === "float" && !isUpdatedAlone(weight);

/** A gradient in the data type of its group, and what stands for it in the row, of this size. */
function partOf(builder: Builder, group: Group, weight: Weight) {
  const { of, dtype = of.dtype } = weight;
  const gradient = builder.to.cast(weight.gradient, group.dtype, dtype);
  if (isInRow(group, weight)) return { weight, gradient, inRow: gradient, size: sizeOf(weight) };
  const norm = normOf(builder, gradient, of.dims);
  return { weight, gradient, inRow: builder.to.cast(norm, "float", group.dtype), size: 1 };
}

/** Writes the norm of a tensor, added up line by line. */
function normOf({ op, to }: Builder, x: string, [lines = 1, ...others]: readonly number[]): string {
  const rows = to.reshape(x, [lines, elements(others)]);
  const sums = to.reduce("ReduceSum", op.Mul(rows, rows), [1], false);
  return op.Sqrt(to.reduce("ReduceSum", sums, [0], false));
}
