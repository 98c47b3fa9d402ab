import { type Form, termsAt, weighted } from "./residual.ts";

/** Add, Sum and Mean: every input is a term. */
export const plainSum: Form = {
  name: "plain",
  sumOf(node) {
    const [output] = node.outputs;
    const { op } = node;
    const { length } = node.inputs;
    if ((op !== "Add" && op !== "Sum" && op !== "Mean") || !output || length < 2) return null;
    const terms = termsAt(node).map((term) => (op === "Mean" ? weighted(term, 1 / length) : term));
    return terms.length === length ? { node, output, terms, place: 0, bias: null } : null;
  },
};
