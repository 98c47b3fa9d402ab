import { InputError } from "../errors.ts";
import type { FunctionMessage } from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import type { Scope } from "./graph.ts";
import { derived, scopesIn } from "./walk.ts";

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
  const refused = (why: string) => new InputError(`${file.source.name}: ${why}.`);
  const linked = derived<Scope, number>(
    (scope, nodesIn, depth) => {
      if (depth > MAX_CALLS)
        throw refused(
          `functions call one another more than ${MAX_CALLS} deep; inline the model's functions first`,
        );
      let inlined = 0;
      for (const node of scope.nodes) {
        const { domain, opType, overload } = node.message;
        node.callee = bodies.get(key(domain, opType, overload)) ?? null;
        for (const inner of scopesIn(node)) inlined += nodesIn(inner);
        if (inlined > MAX_INLINED)
          throw refused(
            `the calls of its functions come to more than ${MAX_INLINED} nodes once they are inlined, as onnxruntime does; export it without functions`,
          );
      }
      return inlined + scope.nodes.length;
    },
    ({ name }) => {
      throw refused(`function ${name} calls itself, which ONNX forbids; the model is damaged`);
    },
  );
  for (const scope of [main, ...functions]) linked(scope);
}
