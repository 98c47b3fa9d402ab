import { InputError } from "../errors.ts";
import type { FunctionMessage } from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import type { Scope } from "./graph.ts";

/** Maximum depth of nested calls. */
const MAX_CALLS = 200;

/** Maximum number of nodes after all calls are inlined, as onnxruntime does. */
const MAX_INLINED = 100_000;

/** Links every node that calls one of the model's own functions to the body of that function. */
export function linkCalls(file: ModelFile, main: Scope, functions: readonly Scope[]): void {
  if (functions.length === 0) return;
  const key = (domain: string, name: string, overload: string) => `${domain}\0${name}\0${overload}`;
  const bodies = new Map(
    functions.map((scope) => {
      const { domain, name, overload } = scope.message as FunctionMessage;
      return [key(domain, name, overload), scope];
    }),
  );
  const entered = new Set<Scope>();
  const inlined = new Map<Scope, number>();
  const link = (scope: Scope, depth: number): number => {
    const known = inlined.get(scope);
    if (known !== undefined) return known;
    if (entered.has(scope))
      throw new InputError(
        `${file.source.name}: function ${scope.name} calls itself, which ONNX forbids; the model is damaged.`,
      );
    if (depth > MAX_CALLS)
      throw new InputError(
        `${file.source.name}: functions call one another more than ${MAX_CALLS} deep; inline the model's functions first.`,
      );
    entered.add(scope);
    let nodes = 0;
    for (const node of scope.nodes) {
      const { domain, opType, overload } = node.message;
      node.callee = bodies.get(key(domain, opType, overload)) ?? null;
      if (node.callee) nodes += link(node.callee, depth + 1);
      for (const body of node.bodies) nodes += link(body, depth + 1);
      if (nodes > MAX_INLINED)
        throw new InputError(
          `${file.source.name}: the calls of its functions come to more than ${MAX_INLINED} nodes once they are inlined, as onnxruntime does; export it without functions.`,
        );
    }
    inlined.set(scope, nodes + scope.nodes.length);
    return nodes + scope.nodes.length;
  };
  link(main, 0);
  for (const scope of functions) link(scope, 0);
}
