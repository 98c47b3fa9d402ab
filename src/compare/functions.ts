import type { Graph, Scope } from "../graph/graph.ts";
import type { FunctionMessage, OpsetMessage } from "../onnx/messages.ts";
import { type Finding, finding } from "./finding.ts";
import { functionKey, sameFunctions } from "./matching.ts";

/** Returns functions that only one of two models has, or whose inputs or imports differ. */
export function functionDifferences(a: Graph, b: Graph): Finding[] {
  const pairs = sameFunctions(a, b);
  const shared = new Set(pairs.flat());
  const only = ({ functions }: Graph, which: "first" | "second") =>
    functions
      .filter((scope) => !shared.has(scope))
      .map((scope) => differs(scope, `is only in the ${which}`, which === "second"));
  const changed = pairs.flatMap(([x, y]) => {
    const [left, right] = [x, y].map(({ message }) => message as FunctionMessage);
    return (["inputs", "outputs", "opsets"] as const).flatMap((what) => {
      const [one, other] = [left, right].map((message) => listed(message[what]));
      const how = `has the ${what} ${one} in the first, ${other} in the second`;
      return one === other ? [] : [differs(x, how)];
    });
  });
  return [...only(a, "first"), ...only(b, "second"), ...changed];
}

const differs = (scope: Scope, what: string, harmless = false) =>
  finding("function", `function ${functionName(scope)}`, what, harmless);

/** Returns the name of a function in reports: with its domain and overload, if it has them. */
export const functionName = (scope: Scope) =>
  functionKey(scope).split(":").filter(Boolean).join(".");

const listed = (entries: readonly (string | OpsetMessage)[]) =>
  entries
    .map((entry) =>
      typeof entry === "string" ? entry : `${entry.domain || "ai.onnx"} ${entry.version}`,
    )
    .join(", ") || "none";
