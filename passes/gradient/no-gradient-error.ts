import { InputError } from "../../src/errors.ts";
import { listed } from "../../src/figures.ts";
import { type Node, titleOf } from "../../src/graph/graph.ts";

/** An operator between the weights and the ends that has no gradient rule. */
export interface OperatorWithoutRule {
  /** The operator, with its domain if that is not ai.onnx. */
  readonly op: string;
  /** Number of its nodes on the path. */
  readonly count: number;
  /** The names of these nodes. */
  readonly nodes: readonly string[];
  /** Why the first of them could not be lowered, as a clause; null if the operator is not composite. */
  readonly reason: string | null;
}

interface CutOff {
  readonly weights: readonly string[];
  readonly ends: readonly string[];
}

/** A rule does not cover a node. */
export class RuleRefusal extends InputError {
  readonly node: Node;
  /** The reason as a clause, without the node. */
  readonly why: string;
  constructor(node: Node, why: string) {
    super(`${titleOf(node)} has no gradient: ${why}.`);
    this.node = node;
    this.why = why;
  }
}

/** Operators between the weights and the ends have no gradient rule; `operators` lists all of them. */
export class NoGradientError extends InputError {
  override name = "NoGradientError";
  override readonly code = "no-gradient";
  readonly operators: readonly OperatorWithoutRule[];
  constructor(operators: readonly OperatorWithoutRule[], { weights, ends }: CutOff) {
    const [{ op, count, nodes, reason }] = operators;
    const isSingle = operators.length === 1 && count === 1;
    const lack = !isSingle
      ? `${operators.map(counted).join(", ")} have no gradient rule`
      : reason === null
        ? `${op} at ${nodes[0]} has no gradient rule`
        : `${op} at ${nodes[0]} cannot be lowered into plain operators (${reason})`;
    const [cut, them] = isSingle ? ["it cuts", "it"] : ["they cut", "them"];
    super(
      `${lack}, and ${cut} ${listed(weights, NAMED)} off from ${ends.join(", ")}; leave these weights out, end at a value before ${them}, or give ${them} a rule (rules in the API).`,
    );
    this.operators = operators;
  }
}

const counted = ({ op, count, nodes, reason }: OperatorWithoutRule) => {
  const place = count === 1 ? `at ${nodes[0]}` : `${count} nodes, the first at ${nodes[0]}`;
  return `${op} (${place}${reason === null ? "" : `: ${reason}`})`;
};

const NAMED = 3;
