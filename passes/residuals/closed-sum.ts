import { own } from "../../src/graph/own.ts";
import { reasons } from "./reasons.ts";
import { type Form, termsAt } from "./residual.ts";

/** Operators that add internally, and the inputs they add. */
const CLOSED: Readonly<Record<string, readonly number[]>> = {
  "com.microsoft.FusedConv": [3],
  "com.microsoft.NhwcFusedConv": [3],
  "com.microsoft.QLinearAdd": [0, 3],
  "com.microsoft.nchwc.Conv": [3],
  ScatterElements: [0, 2],
  ScatterND: [0, 2],
};

/** A sum whose branch is not an operand, or only as integers; it must be lowered first. */
export const closedSum: Form = {
  name: "closed",
  sumOf(node) {
    const places = own(CLOSED, node.op);
    const [output] = node.outputs;
    if (!places || !output) return null;
    const terms = termsAt(node, places);
    if (terms.length === 0) return null;
    const { domain, opType } = node.message;
    const sum = { node, output, terms, place: 0, bias: null };
    if (opType.startsWith("Scatter")) return { ...sum, closed: reasons.scattered(), rare: true };
    const closed = domain.endsWith("nchwc") ? reasons.blocked() : reasons.closed(opType);
    return { ...sum, closed };
  },
};
