import { type Form, termsAt } from "./residual.ts";

/** Add and Sum: every input is a term. */
export const plainSum: Form = {
  name: "plain",
  sumOf(node) {
    const [output] = node.outputs;
    if ((node.op !== "Add" && node.op !== "Sum") || !output || node.inputs.length < 2) return null;
    const terms = termsAt(node);
    return terms.length === node.inputs.length
      ? { node, output, terms, place: 0, bias: null }
      : null;
  },
};
