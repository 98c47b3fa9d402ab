import type { Builder } from "../../src/graph/builder.ts";
import type { Types, Value } from "../../src/graph/graph.ts";
import { isFloat } from "../../src/onnx/dtypes.ts";
import { type Leaf, traced } from "./final-activation.ts";
import type { ChosenLoss, Loss, LossInputs } from "./loss.ts";
import { logitOf, logOf } from "./probabilities.ts";
import { rangeOf } from "./value-range.ts";

interface Prediction extends Pick<LossInputs, "form" | "before"> {
  readonly name: string;
  /** A sentence for the user; null if there is nothing to report. */
  readonly note: string | null;
}

interface Asked extends ChosenLoss {
  readonly types: Types;
  readonly output: Value;
  /** Class axis; null if the loss has none. */
  readonly axis: number | null;
  readonly dtype: string;
}

/**
 * Writes the prediction in an output: the operands of its final activations, element by element, or
 * logits or log-probabilities if these cannot be removed.
 */
export function predictionFor(builder: Builder, asked: Asked): Prediction {
  const { types, output, loss, reads, axis, options, dtype } = asked;
  const float = (value: Value) => builder.to.cast(value.name, dtype, types.get(value)!.dtype);
  const plain = (form: Prediction["form"]): Prediction => {
    return { name: float(output), form, before: null, note: null };
  };
  const scores = reads === "classes" ? axis !== null : reads === "shares";
  if (!scores) return plain("values");
  if (options.values === "logits") return plain("logits");
  const path =
    options.values === "probabilities"
      ? null
      : traced({ types, sought: loss.looksThrough }, output, axis);
  const leaves = path?.leaves ?? [{ value: output, axis, activation: null }];
  const shares = new Set(path ? leaves.filter((leaf) => holdsShares(asked, leaf)) : leaves);
  const activations = new Set(leaves.map(({ activation }) => activation?.op ?? null));
  const [before] = activations;
  // The original's output is compared as a whole, so all its elements must be of one kind.
  const mixed = loss.distils && (activations.size > 1 || (shares.size > 0 && leaves.length > 1));
  if (mixed || (shares.size === 0 && activations.size === 1 && before === null))
    return plain("logits");
  const logits = ({ value, activation }: Leaf) => float(activation?.logits ?? value);
  const write = path?.write ?? ((_: Builder, from: (leaf: Leaf) => string) => from(leaves[0]));
  if (shares.size === 0) {
    const name = write(builder, logits);
    return { name, form: "logits", before: before ?? null, note: null };
  }
  const note = options.values ? null : sentence(output.name, loss);
  if (reads === "shares") {
    const name = write(builder, (leaf) =>
      shares.has(leaf)
        ? logitOf(builder, probabilities(builder, leaf, float), dtype)
        : logits(leaf),
    );
    return { name, form: "logits", before: null, note };
  }
  const name = write(builder, (leaf) => {
    if (shares.has(leaf)) return logOf(builder, float(leaf.value), dtype);
    const z = logits(leaf);
    return builder.op.Sub(z, builder.to.reduce("ReduceLogSumExp", z, [leaf.axis!]));
  });
  return { name, form: "log-probabilities", before: null, note };
}

const sentence = (output: string, { name, looksThrough: [own] }: Loss) =>
  `the loss is computed from probabilities: output ${output} holds numbers from 0 to 1, and no ${own} ${own === "Softmax" ? "along its classes " : ""}can be removed for ${name}; pass --logits if they are logits.`;

/**
 * Whether a leaf holds probabilities, or log-probabilities that a LogSoftmax gives to a yes/no
 * loss.
 */
function holdsShares({ types, reads }: Asked, { value, activation }: Leaf): boolean {
  if (activation || !isFloat(types.get(value)?.dtype)) return false;
  if (reads === "shares" && isLogSoftmax(value)) return true;
  const [low, high] = rangeOf(types, value);
  return low >= 0 && high <= 1;
}

const isLogSoftmax = (value: Value) => value.producer?.op === "LogSoftmax";

const probabilities = ({ op }: Builder, { value }: Leaf, float: (value: Value) => string) =>
  isLogSoftmax(value) ? op.Exp(float(value)) : float(value);
