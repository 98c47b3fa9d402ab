import path from "node:path";
import { nearest, suggestion } from "../../src/nearest.ts";
import { checkValues } from "../../src/option-values.ts";
import { dashed, type Option } from "../../src/options.ts";
import { UsageError } from "../failure.ts";
import { PATHS, type StepName, stepNames, steps } from "./steps.ts";

/** What an import such as "./model.onnx?laurel=rw&rank=8" asks for. */
export interface ModelImport {
  readonly model: string;
  /** The adapter's path; null if there is none. */
  readonly adapter: string | null;
  /** Files and folders beside the model that the result depends on. */
  readonly others: readonly string[];
  readonly trustLinks: boolean;
  /** Steps, with the arguments of their commands without input and output. */
  readonly work: readonly { readonly step: StepName; readonly args: readonly string[] }[];
}

const MODEL = /^(.*\.onnx)\?(.+)$/s;

/** Splits a module's id into a model and its query; null for every other module. */
export function splitImport(id: string): { model: string; query: string } | null {
  const [, model, query] = MODEL.exec(id) ?? [];
  return query === undefined || !isMeant(query) ? null : { model, query };
}

/** Whether a query is for laurelize: it names a step, almost names one, or has an option of one. */
function isMeant(query: string): boolean {
  const names = pairs(query).map(([name]) => name);
  return names.some(
    (name) => isStep(name) || nearest(name, stepNames) !== undefined || ownerOf(name) !== undefined,
  );
}

/** The names and values of a query; a plus sign stands for itself. */
const pairs = (query: string): QueryPart[] =>
  [...new URLSearchParams(query.replaceAll("+", "%2B"))].map(([name, value]) =>
    plainly(dashed(name), value),
  );

/** "no-prove" as "prove=none"; spaces of a variant as the plus signs that they stand for. */
function plainly(name: string, value: string): QueryPart {
  const positive = name.replace(/^no-/, "");
  if (positive !== name && value === "" && ownerOf(positive)) return plainly(positive, "false");
  if (name === "laurel" || name === "variant") return [name, value.replaceAll(" ", "+")];
  const owner = ownerOf(name);
  const { choices } = owner ? steps[owner].options[name] : {};
  return [name, value === "false" && choices?.includes("none") ? "none" : value];
}

/** Reads what an import asks for. Throws a UsageError if its query is not understood. */
export function readImport(id: string): ModelImport {
  const { model, query } = splitImport(id)!;
  const given = pairs(query);
  const asked = stepNames.filter((step) => given.some(([name]) => name === step));
  for (const [name] of given) checkName(name, asked);
  checkOnce(given, asked);
  for (const [name, value] of given) checkValue(name, value, asked);
  const home = path.dirname(model);
  const placed = given.map(
    ([name, value]): QueryPart =>
      PATHS.has(name) ? [name, value && path.resolve(home, value)] : [name, value],
  );
  const givenFor = (wanted: string) => placed.find(([name]) => name === wanted)?.[1];
  return {
    model,
    adapter: asked.includes("adapter") ? givenFor("adapter")! : null,
    others: placed.flatMap(([name, value]) => (PATHS.has(name) && value ? [value] : [])),
    trustLinks: ["", "true"].includes(givenFor("trust-links") ?? "false"),
    work: asked.map((step) => ({ step, args: argumentsOf(step, placed) })),
  };
}

/** The arguments of a step's command; what belongs to other steps is left out. */
function argumentsOf(step: StepName, given: readonly QueryPart[]): string[] {
  const { value: named, options } = steps[step];
  return given.flatMap(([name, value]) => {
    if (name === step) return named && value !== "" ? [`--${named}=${value}`] : [];
    return Object.hasOwn(options, name) ? [argumentOf(name, value, options[name])] : [];
  });
}

function argumentOf(name: string, value: string, { type }: Option): string {
  if (value === "" || (type === "boolean" && value === "true")) return `--${name}`;
  return type === "boolean" && value === "false" ? `--no-${name}` : `--${name}=${value}`;
}

/** A name of a query and its value; "" if it has none. */
type QueryPart = readonly [name: string, value: string];

const isStep = (name: string): name is StepName => Object.hasOwn(steps, name);

/** Returns the first step that has an option of a name; undefined if none has. */
const ownerOf = (name: string): StepName | undefined =>
  stepNames.find((step) => Object.hasOwn(steps[step].options, name));

/** Throws a UsageError for a name that is neither a step nor an option of the requested steps. */
function checkName(name: string, asked: readonly StepName[]): void {
  if (isStep(name) || asked.some((step) => Object.hasOwn(steps[step].options, name))) return;
  const owner = ownerOf(name);
  if (owner !== undefined)
    throw new UsageError(
      `${name} is an option of ${owner}, which the import does not request; add ${owner}.`,
    );
  const names = asked.flatMap((step) => Object.keys(steps[step].options));
  const others = `the options are ${[...new Set(names)].join(", ")}`;
  throw new UsageError(
    `${name} is not understood; ${suggestion(name, [...stepNames, ...names], others)}`,
  );
}

/** Throws a UsageError if a name that takes one value has two. */
function checkOnce(given: readonly QueryPart[], asked: readonly StepName[]): void {
  const names = given.map(([name]) => name);
  const isList = (name: string) => asked.some((step) => steps[step].options[name]?.array);
  const twice = names.find((name, at) => names.indexOf(name) < at && !isList(name));
  if (twice !== undefined) throw new UsageError(`${twice} is given twice; give it once.`);
  const [laurel] = given.filter(([name]) => name === "laurel");
  if (laurel?.[1] && names.includes("variant"))
    throw new UsageError("laurel and variant both name the variant; give one of them.");
}

/** Throws an error if an option does not accept its value; the command checks options without a value. */
function checkValue(name: string, value: string, asked: readonly StepName[]): void {
  if (name === "fold" && value !== "" && value !== "true")
    throw new UsageError("fold does not take a value; leave it out if nothing should be folded.");
  if (name === "adapter" && value === "")
    throw new UsageError("adapter needs the path of a file: ?adapter=./a.safetensors.");
  if (value === "") return;
  const called = name === "laurel" ? "variant" : name;
  const option = asked.map((step) => steps[step].options[called]).findLast(Boolean);
  if (option?.type === "boolean" && value !== "true" && value !== "false")
    throw new UsageError(`${name} must be true or false (got ${value}).`);
  if (option) checkValues({ [name]: option.array ? [value] : value }, { [name]: option });
}
