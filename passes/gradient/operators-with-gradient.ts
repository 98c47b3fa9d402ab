import { operatorsThat } from "../../src/graph/operators.ts";
import { rules } from "../lower/index.ts";
import { SEQUENCE_READERS } from "../lower/sequences.ts";
import { inert, type VjpTable } from "./rule.ts";
import { vjp } from "./vjp.ts";

const withRule = Object.entries<VjpTable[string]>(vjp).filter(([, rule]) => rule !== inert);

/**
 * The operators that gradients pass, as nodes have them ("Conv", "com.microsoft.Gelu"): those with a
 * rule, and those that are first written in others. Operators that are constant between jumps, such
 * as Floor, are not among them. A rule may still refuse a node, for instance a RoiAlign that takes
 * the maximum of as many samples as the data decides.
 */
export const operatorsWithGradient: readonly string[] = [
  ...new Set([
    ...withRule.map(([op]) => op),
    ...Object.keys(rules),
    ...Object.keys(SEQUENCE_READERS),
    ...operatorsThat("loop"),
    "If",
  ]),
].sort();
