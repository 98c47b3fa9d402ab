import { groupBy } from "../entry.ts";
import { type Graph, type Scope, type Types, typeOfInfo } from "../graph/graph.ts";
import { type Framed, fieldsIn } from "../onnx/decode.ts";
import { canBeSame, showShape, type Type } from "../onnx/dtypes.ts";
import type { FunctionMessage, GraphMessage, ValueInfoMessage } from "../onnx/messages.ts";
import { equalRanges } from "../onnx/source.ts";
import { BYTES, type Field, valueRange } from "../onnx/wire.ts";
import { type Finding, finding, placeOf, titleIn } from "./finding.ts";
import { bodiesOf, type Counterpart, functionName, NUMBERED, sameFunctions } from "./matching.ts";

/** Messages: the fields to compare, by their numbers, and those that are compared elsewhere. */
const FIELDS = {
  model: {
    names: {
      2: "producer_name",
      3: "producer_version",
      4: "domain",
      5: "model_version",
      6: "doc_string",
      20: "training_info",
      26: "configuration",
    },
    elsewhere: [1, 7, 8, 14, 25],
  },
  graph: {
    names: { 2: "name", 10: "doc_string", 14: "quantization_annotation" },
    elsewhere: [1, 5, 11, 12, 13, 15, 16],
  },
  node: {
    names: { 6: "doc_string", 10: "device_configurations" },
    elsewhere: [1, 2, 3, 4, 5, 7, 8, 9],
  },
  tensor: {
    names: { 3: "segment", 12: "doc_string", 16: "metadata_props" },
    // Values and their location.
    elsewhere: [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14],
  },
  info: { names: { 3: "doc_string", 4: "metadata_props" }, elsewhere: [1, 2] },
  type: {
    names: {
      6: "denotation",
      4: "sequence_type",
      5: "map_type",
      8: "sparse_tensor_type",
      9: "optional_type",
    },
    elsewhere: [1],
  },
  function: {
    names: {
      6: "attribute",
      8: "doc_string",
      11: "attribute_proto",
      12: "value_info",
      14: "metadata_props",
    },
    elsewhere: [1, 4, 5, 7, 9, 10, 13],
  },
};

type Models = readonly [a: Graph, b: Graph];

const described = (where: string, what: string, harmless = false) =>
  finding("metadata", where, what, harmless);

/** Returns which descriptions beside nodes and weights are lost, changed, or new and wrong. */
export function descriptionDifferences(
  a: Graph,
  b: Graph,
  pairs: readonly Counterpart[],
  types: Types,
): Finding[] {
  const models = [a, b] as const;
  const scopes: readonly (readonly [Scope, Scope])[] = [[a.main, b.main], ...bodiesOf(pairs)];
  const functions = sameFunctions(a, b).flatMap(([x, y]) => {
    const messages = [x.message as FunctionMessage, y.message as FunctionMessage] as const;
    return inFields(models, "function", messages, ` of function ${functionName(x)}`);
  });
  return [
    ...inFields(models, "model", [a.file.message, b.file.message], " of the model"),
    ...scopes.flatMap((pair) => inScope(models, pair, types)),
    ...functions,
    ...pairs.flatMap((pair) => inNode(models, pair)),
  ];
}

/** Returns the fields in which two messages of one kind differ. */
function inFields(
  [a, b]: Models,
  kind: keyof typeof FIELDS,
  [x, y]: readonly [Framed, Framed],
  of: string,
): Finding[] {
  const names: Readonly<Record<number, string>> = FIELDS[kind].names;
  const [left, right] = [fieldsOf(a, x, kind), fieldsOf(b, y, kind)];
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((number) => {
    const [mine, others] = [left.get(number) ?? [], right.get(number) ?? []];
    const same =
      mine.length === others.length &&
      mine.every((field, k) =>
        equalRanges(a.file, valueRange(field), b.file, valueRange(others[k])),
      );
    if (same) return [];
    const name = names[number] ?? `field ${number}`;
    const added = mine.length === 0;
    const what = added ? "is new in the second" : "is lost or changed in the second";
    return [described(`${name}${of}`, what, added && name !== "quantization_annotation")];
  });
}

/** Returns the fields of a message to compare, by number, without those that hold only a default. */
function fieldsOf(
  { file: { reader } }: Graph,
  { frame }: Framed,
  kind: keyof typeof FIELDS,
): Map<number, Field[]> {
  const isEmpty = (field: Field) =>
    field.wire === BYTES
      ? field.end === field.body
      : reader.bytes(valueRange(field)).every((byte) => byte === 0);
  const fields = [...fieldsIn(reader, frame)].filter(
    (field) => !isEmpty(field) && !FIELDS[kind].elsewhere.includes(field.number),
  );
  return groupBy(fields, ({ number }) => number);
}

function inScope(models: Models, [x, y]: readonly [Scope, Scope], types: Types): Finding[] {
  const of = x.kind === "main" ? " of the graph" : ` of the graph${placeOf(x)}`;
  const [mine, other] = [x.message, y.message] as [GraphMessage, GraphMessage];
  const tensors = new Map(other.initializers.map((tensor) => [tensor.name, tensor]));
  return [
    ...inFields(models, "graph", [mine, other], of),
    ...inInfos(models, "input", [mine.inputs, other.inputs], placeOf(x)),
    ...inInfos(models, "output", [mine.outputs, other.outputs], placeOf(x)),
    ...inInfos(models, "value_info", [mine.valueInfos, other.valueInfos], placeOf(x)),
    ...newInfos([x, y], types),
    ...mine.initializers.flatMap((tensor) => {
      const twin = tensors.get(tensor.name);
      const where = ` of weight ${tensor.name}${placeOf(x)}`;
      return twin ? inFields(models, "tensor", [tensor, twin], where) : [];
    }),
  ];
}

/** Compares descriptions of inputs, outputs or inner values; the last may be lost or changed. */
function inInfos(
  models: Models,
  kind: "input" | "output" | "value_info",
  [mine, others]: readonly (readonly ValueInfoMessage[])[],
  place: string,
): Finding[] {
  const infos = new Map(others.map((info) => [info.name, info]));
  return mine.flatMap((info) => {
    const twin = infos.get(info.name);
    const where = `${kind} ${info.name}${place}`;
    const fields = twin ? inFields(models, "info", [info, twin], ` of ${where}`) : [];
    const type =
      info.type && twin?.type
        ? inFields(models, "type", [info.type, twin.type], ` of ${where}`)
        : [];
    const isRenumbered = !twin && NUMBERED.test(info.name);
    const told = kind === "value_info" && !isRenumbered ? inType(where, info, twin) : [];
    return [...fields, ...type, ...told];
  });
}

function inType(
  where: string,
  info: ValueInfoMessage,
  twin: ValueInfoMessage | undefined,
): Finding[] {
  if (!twin) return [described(where, "is lost in the second")];
  const [mine, other] = [typeOfInfo(info), typeOfInfo(twin)];
  if (!mine || (other && keeps(mine, other))) return [];
  return [described(where, `is ${shown(mine)} in the first, ${shown(other)} in the second`)];
}

/** Checks that descriptions which only the second model has are correct, and of a value. */
function newInfos([x, y]: readonly [Scope, Scope], types: Types): Finding[] {
  const [mine, other] = [x.message, y.message] as [GraphMessage, GraphMessage];
  const names = new Set(mine.valueInfos.map(({ name }) => name));
  const infos = new Map(other.valueInfos.map((info) => [info.name, info]));
  return [...infos.values()].flatMap((info) => {
    if (names.has(info.name)) return [];
    const where = `value_info ${info.name}${placeOf(x)}`;
    const value = x.values.get(info.name);
    const known = (value && types.get(value)) ?? null;
    const said = typeOfInfo(info);
    if (!y.values.has(info.name))
      return [described(where, "does not describe any value of the second")];
    if (!known || !said || fits(known, said)) return [];
    return [
      described(where, `says ${shown(said)} in the second, but the value is ${shown(known)}`),
    ];
  });
}

function inNode(models: Models, { a, b }: Counterpart): Finding[] {
  const where = titleIn(a);
  const fields = inFields(models, "node", [a.message, b.message], ` of ${where}`);
  const [name, other] = [a.message.name, b.message.name];
  if (name === "" || name === other || (NUMBERED.test(name) && NUMBERED.test(other))) return fields;
  return [...fields, described(`name of ${where}`, `is ${other || "lost"} in the second`)];
}

const shown = (type: Type | null) =>
  type ? `${type.dtype} ${type.shape ? showShape(type.shape) : "of any shape"}` : "not stated";

/** Whether a type states everything that another one states. */
const keeps = (before: Type, after: Type) =>
  before.dtype === after.dtype &&
  (!before.shape ||
    (after.shape?.length === before.shape.length &&
      before.shape.every((dim, axis) => dim === "" || dim === after.shape![axis])));

/** Whether two types can belong to one value. */
const fits = (x: Type, y: Type) =>
  x.dtype === y.dtype && (!x.shape || !y.shape || canBeSame(x.shape, y.shape));
