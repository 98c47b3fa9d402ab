import { checkGiven, checkModel, type WithOrt, withOrt } from "../../src/arguments.ts";
import { sinceOf } from "../../src/graph/operators.ts";
import { allNodes } from "../../src/graph/scopes.ts";
import type { Model } from "../../src/model.ts";
import { runnable } from "../../src/ort/loading.ts";
import { reason } from "../../src/ort/messages.ts";
import { withSession } from "../../src/ort/session.ts";

/** What a runtime must know to take a model. */
export interface ModelNeeds {
  readonly irVersion: number;
  /** Operator sets by domain, "ai.onnx" for the standard one. */
  readonly opsets: Readonly<Record<string, number>>;
  /** The standard operator that came last, and the opset that brought it. */
  readonly newest: { readonly op: string; readonly since: number } | null;
  /** Operators of other domains, sorted. */
  readonly others: readonly string[];
}

/** Reads what a runtime must know to take a model. */
export function modelNeeds(model: Model): ModelNeeds {
  checkModel("modelNeeds", model);
  const { message, opsets } = model.file;
  const uncalled = allNodes(model.graph).filter(({ callee }) => !callee);
  const ops = new Set(uncalled.map(({ op }) => op));
  const standard = [...ops].filter((op) => !op.includes("."));
  const [newest] = standard
    .map((op) => ({ op, since: sinceOf(op) }))
    .sort((a, b) => b.since - a.since || (a.op < b.op ? -1 : 1));
  return {
    irVersion: message.irVersion,
    opsets: Object.fromEntries([...opsets].map(([domain, v]) => [domain || "ai.onnx", v])),
    newest: newest ?? null,
    others: [...ops].filter((op) => op.includes(".")).sort(),
  };
}

/** Returns what onnxruntime says if it rejects a model, fully optimized; null if it does not. */
export async function loadError(model: Model, options: WithOrt): Promise<string | null> {
  checkModel("loadError", model);
  checkGiven("loadError", options, withOrt);
  try {
    return await withSession(options.ort, runnable(model.file), "all", async () => null);
  } catch (error) {
    return reason(error);
  }
}
