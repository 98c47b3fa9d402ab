import type { Graph, Value } from "../graph/graph.ts";
import { scopesOf } from "../graph/scopes.ts";
import { sourcesOf, walk } from "../graph/walk.ts";
import { showShape } from "../onnx/dtypes.ts";
import { reason } from "../ort/session.ts";
import type { Sampled } from "./draw.ts";

/** Maximum number of inputs that a sentence lists. */
const LISTED = 6;

/** Says that a model runs on no random inputs, which of them are to blame, and how to give others. */
export function refusal({ graph, types }: Sampled, error: unknown): string {
  const why = reason(error);
  const show = (input: Value) => {
    const { dtype = "", shape = null } = types.get(input) ?? {};
    return `${input.name} (${dtype} ${showShape(shape)})`;
  };
  const list = (inputs: readonly Value[]) =>
    inputs.slice(0, LISTED).map(show).join(", ") + (inputs.length > LISTED ? ", …" : "");
  const blamed = inputsBehind(graph, why);
  const at = blamed.length > 0 ? `; this node is computed from ${list(blamed)}` : "";
  const all = list(graph.main.inputs);
  return `${graph.file.source.name} does not run on any of the random inputs tried (${why}${at}); give real inputs with --inputs, an .npz with the arrays ${all}, give sizes with --dim name=4, or pass --no-prove.`;
}

/** Returns the inputs of the model that a node which a message names is computed from. */
function inputsBehind(graph: Graph, message: string): Value[] {
  const [, op, name] = /running (\S+) node\. Name:'([^']*)'/.exec(message) ?? [];
  const nodes = [...scopesOf(graph)]
    .flatMap((scope) => scope.nodes)
    .filter(({ message: { opType, name: own } }) => opType === op && own === name);
  const [node] = nodes;
  if (nodes.length !== 1) return [];
  const start = [...node.inputs, ...node.captures].filter((value) => value !== null);
  const behind = new Set(walk(start, sourcesOf));
  return graph.main.inputs.filter((input) => behind.has(input));
}
