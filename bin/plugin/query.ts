import path from "node:path";
import { nearest } from "../../src/nearest.ts";
import { dashed } from "../../src/options.ts";
import { UsageError } from "../failure.ts";
import { PATHS, type QueryOption, type StepName, stepNames, steps } from "./steps.ts";

/** One command line of what an import asks for, without its input and output. */
export interface StepArguments {
  readonly step: StepName;
  readonly args: readonly string[];
}

/** What an import such as "./model.onnx?laurel=rw&rank=8" asks for. */
export interface ModelImport {
  /** The model's path. */
  readonly model: string;
  /** The adapter's path; null if there is none. */
  readonly adapter: string | null;
  /** Files and folders beside the model that the result depends on. */
  readonly others: readonly string[];
  readonly trustLinks: boolean;
  readonly work: readonly StepArguments[];
}

type Given = readonly [name: string, value: string];

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
    (name) => isStep(name) || nearest(name, stepNames).length > 0 || ownerOf(name) !== undefined,
  );
}

const isStep = (name: string): name is StepName => Object.hasOwn(steps, name);

const ownerOf = (name: string) =>
  stepNames.find((step) => Object.hasOwn(steps[step].options, name));

/** The names and values of a query; a plus sign stands for itself. */
function pairs(query: string): Given[] {
  return query.split("&").flatMap((part): Given[] => {
    const [name, ...value] = part.split("=");
    return part === "" ? [] : [[dashed(decode(name)), decode(value.join("="))]];
  });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Reads what an import asks for. Throws a UsageError if its query is not understood. */
export function readImport(id: string): ModelImport {
  const { model, query } = splitImport(id)!;
  const given = pairs(query);
  const asked = stepNames.filter((step) => given.some(([name]) => name === step));
  for (const [name] of given) checkName(name, asked);
  const home = path.dirname(model);
  const placed = given.map(
    ([name, value]): Given =>
      PATHS.has(name) ? [name, value && path.resolve(home, value)] : [name, value],
  );
  const givenFor = (wanted: string) => placed.find(([name]) => name === wanted)?.[1];
  checkOnce(given, asked);
  const adapter = asked.includes("adapter") ? givenFor("adapter")! : null;
  if (adapter === "")
    throw new UsageError("adapter needs the path of a file: ?adapter=./a.safetensors.");
  return {
    model,
    adapter,
    others: placed.flatMap(([name, value]) => (PATHS.has(name) && value ? [value] : [])),
    trustLinks: ["", "true"].includes(givenFor("trust-links") ?? "false"),
    work: asked.map((step) => ({ step, args: argumentsOf(step, placed) })),
  };
}

/** Throws a UsageError for a name that is no step and no option of the steps asked for. */
function checkName(name: string, asked: readonly StepName[]): void {
  if (isStep(name) || asked.some((step) => Object.hasOwn(steps[step].options, name))) return;
  const owner = ownerOf(name);
  if (owner !== undefined)
    throw new UsageError(`${name} is an option of ${owner}, which the import does not ask for.`);
  const names = asked.flatMap((step) => Object.keys(steps[step].options));
  const [near] = nearest(name, [...stepNames, ...names]);
  const others = names.length > 0 ? `the options are ${[...new Set(names)].join(", ")}` : "";
  throw new UsageError(
    `${name} is not understood; ${near === undefined ? others : `did you mean ${near}?`}`.replace(
      /([^?])$/,
      "$1.",
    ),
  );
}

/** Throws a UsageError if a name has two values where it takes one, or one where it takes none. */
function checkOnce(given: readonly Given[], asked: readonly StepName[]): void {
  const names = given.map(([name]) => name);
  const isList = (name: string) =>
    asked.some((step) => (steps[step].options as Record<string, QueryOption>)[name]?.array);
  const twice = names.find((name, at) => names.indexOf(name) < at && !isList(name));
  if (twice !== undefined) throw new UsageError(`${twice} is given twice.`);
  if (!["", "true", undefined].includes(given.find(([name]) => name === "fold")?.[1]))
    throw new UsageError("fold takes no value; leave it out if nothing is to be folded.");
  const [laurel] = given.filter(([name]) => name === "laurel");
  if (laurel?.[1] && names.includes("variant"))
    throw new UsageError("laurel and variant both name the variant; give one of them.");
}

/** The arguments of a step's command; what belongs to other steps is left out. */
function argumentsOf(step: StepName, given: readonly Given[]): string[] {
  const { value: named, options } = steps[step];
  const own = given.flatMap(([name, value]): Given[] => {
    if (name === step) return named && value !== "" ? [[named, value.replaceAll(" ", "+")]] : [];
    return Object.hasOwn(options, name) ? [[name, value]] : [];
  });
  return own.map(([name, value]) =>
    argumentOf(name, value, (options as Record<string, QueryOption>)[name]),
  );
}

function argumentOf(name: string, value: string, { type }: QueryOption): string {
  if (value === "" || (type === "boolean" && value === "true")) return `--${name}`;
  return type === "boolean" && value === "false" ? `--no-${name}` : `--${name}=${value}`;
}
