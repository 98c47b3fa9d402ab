import type { Graph, Scope } from "../graph/graph.ts";
import { type Types, typeOfInfo } from "../graph/types.ts";
import type { FunctionMessage, GraphMessage, ValueInfoMessage } from "../onnx/messages.ts";
import { showShape, type Type } from "../onnx/shape.ts";
import { type Finding, nameAndOperator, placeOf } from "./finding.ts";
import { sameFunctions } from "./functions.ts";
import { bodiesOf, type Counterpart, functionKey, NUMBERED } from "./matching.ts";
import { fieldDifferences } from "./same-fields.ts";

const MODEL = {
  2: "producer_name",
  3: "producer_version",
  4: "domain",
  5: "model_version",
  6: "doc_string",
  20: "training_info",
  26: "configuration",
};
const GRAPH = { 2: "name", 10: "doc_string", 14: "quantization_annotation" };
const NODE = { 6: "doc_string", 10: "device_configurations" };
const TENSOR = { 3: "segment", 12: "doc_string", 16: "metadata_props" };
const INFO = { 3: "doc_string", 4: "metadata_props" };
const TYPE = {
  6: "denotation",
  4: "sequence_type",
  5: "map_type",
  8: "sparse_tensor_type",
  9: "optional_type",
};
const FUNCTION = {
  6: "attribute",
  8: "doc_string",
  11: "attribute_proto",
  12: "value_info",
  14: "metadata_props",
};

/** Fields that are compared one by one elsewhere. */
const COMPARED = {
  model: [1, 7, 8, 14, 25],
  graph: [1, 5, 11, 12, 13, 15, 16],
  node: [1, 2, 3, 4, 5, 7, 8, 9],
  // Values and where they lie.
  tensor: [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14],
  info: [1, 2],
  type: [1],
  function: [1, 4, 5, 7, 9, 10, 13],
};

/** What a model says of itself beside its nodes and weights: lost, changed, or new and wrong. */
export function descriptionDifferences(
  a: Graph,
  b: Graph,
  pairs: readonly Counterpart[],
  types: Types,
): Finding[] {
  const findings: Finding[] = [];
  const note = (where: string, what: string, harmless = false) =>
    findings.push({ kind: "metadata", where, what, harmless });
  type Messages = Parameters<typeof fieldDifferences>;
  const look = (
    x: Messages[1],
    y: Messages[3],
    kind: keyof typeof COMPARED,
    names: Messages[4],
    of: string,
  ) => {
    for (const { name, added } of fieldDifferences(a.file, x, b.file, y, names, COMPARED[kind]))
      note(
        `${name}${of}`,
        added ? "is new in the second" : "is lost or changed in the second",
        added && name !== "quantization_annotation",
      );
  };
  look(a.file.message, b.file.message, "model", MODEL, " of the model");
  const scopes: readonly (readonly [Scope, Scope])[] = [[a.main, b.main], ...bodiesOf(pairs)];
  for (const [x, y] of scopes) {
    const of = x.kind === "main" ? " of the graph" : ` of the graph${placeOf(x)}`;
    const [mine, other] = [x.message, y.message] as [GraphMessage, GraphMessage];
    look(mine, other, "graph", GRAPH, of);
    for (const [k, part] of (["inputs", "outputs", "valueInfos"] as const).entries()) {
      const word = ["input", "output", "value_info"][k];
      const infos = new Map(other[part].map((info) => [info.name, info]));
      for (const info of mine[part]) {
        const twin = infos.get(info.name);
        const where = `${word} ${info.name}${placeOf(x)}`;
        if (twin) {
          look(info, twin, "info", INFO, ` of ${where}`);
          if (info.type && twin.type) look(info.type, twin.type, "type", TYPE, ` of ${where}`);
        }
        if (part === "valueInfos" && !renumbered(info, twin)) infoDifference(where, info, twin);
        infos.delete(info.name);
      }
      if (part === "valueInfos") for (const info of infos.values()) newInfo(x, y, info);
    }
    const tensors = new Map(other.initializers.map((tensor) => [tensor.name, tensor]));
    for (const tensor of mine.initializers) {
      const twin = tensors.get(tensor.name);
      if (twin) look(tensor, twin, "tensor", TENSOR, ` of weight ${tensor.name}${placeOf(x)}`);
    }
  }
  for (const [x, y] of sameFunctions(a, b))
    look(
      x.message as FunctionMessage,
      y.message as FunctionMessage,
      "function",
      FUNCTION,
      ` of function ${functionKey(x).split(":").filter(Boolean).join(".")}`,
    );
  for (const { a: x, b: y } of pairs) {
    look(x.message, y.message, "node", NODE, ` of node ${nameAndOperator(x)}${placeOf(x.scope)}`);
    const [name, other] = [x.message.name, y.message.name];
    if (name !== "" && name !== other && !(NUMBERED.test(name) && NUMBERED.test(other)))
      note(
        `name of node ${nameAndOperator(x)}${placeOf(x.scope)}`,
        `is ${other || "lost"} in the second`,
      );
  }
  return findings;

  function infoDifference(
    where: string,
    info: ValueInfoMessage,
    twin: ValueInfoMessage | undefined,
  ) {
    const [mine, other] = [typeOfInfo(info), twin ? typeOfInfo(twin) : null];
    if (!twin) note(where, "is lost in the second");
    else if (mine && (!other || !keeps(mine, other)))
      note(where, `is ${shown(mine)} in the first, ${shown(other)} in the second`);
  }

  /** What the second alone says of a value: of one that is there, and nothing that is wrong. */
  function newInfo(x: Scope, y: Scope, info: ValueInfoMessage) {
    const where = `value_info ${info.name}${placeOf(x)}`;
    const value = x.values.get(info.name);
    const known = (value && types.get(value)) ?? null;
    const said = typeOfInfo(info);
    if (!y.values.has(info.name)) note(where, "describes no value of the second");
    else if (known && said && !fits(known, said))
      note(where, `says ${shown(said)} in the second, and the value is ${shown(known)}`);
  }
}

const renumbered = ({ name }: ValueInfoMessage, twin: ValueInfoMessage | undefined) =>
  !twin && NUMBERED.test(name);

const shown = (type: Type | null) =>
  type ? `${type.dtype} ${type.shape ? showShape(type.shape) : "of any shape"}` : "not told";

/** Whether a type says all that another one says. */
const keeps = (before: Type, after: Type) =>
  before.dtype === after.dtype &&
  (!before.shape ||
    (after.shape?.length === before.shape.length &&
      before.shape.every((dim, axis) => dim === "" || dim === after.shape![axis])));

/** Whether two types can be those of one value. */
const fits = (x: Type, y: Type) =>
  x.dtype === y.dtype &&
  (!x.shape ||
    !y.shape ||
    (x.shape.length === y.shape.length &&
      x.shape.every((dim, axis) => {
        const other = y.shape![axis];
        return typeof dim !== "number" || typeof other !== "number" || dim === other;
      })));
