import { suggestion } from "../../src/nearest.ts";
import { checkValues } from "../../src/option-values.ts";
import type { Option } from "../../src/options.ts";
import { UsageError } from "../failure.ts";
import { type StepName, stepNames, steps } from "./steps.ts";

/** A name of a query and its value; "" if it has none. */
export type QueryPart = readonly [name: string, value: string];

/** Whether a name asks for a step. */
export const isStep = (name: string): name is StepName => Object.hasOwn(steps, name);

/** Returns the first step that has an option of a name; undefined if none has. */
export const ownerOf = (name: string): StepName | undefined =>
  stepNames.find((step) => Object.hasOwn(steps[step].options, name));

/** Throws an error of one sentence for the first thing of a query that is not understood. */
export function checkQuery(given: readonly QueryPart[], asked: readonly StepName[]): void {
  for (const [name] of given) checkName(name, asked);
  checkOnce(given, asked);
  for (const [name, value] of given) checkValue(name, value, asked);
}

/** Throws a UsageError for a name that is neither a step nor an option of the requested steps. */
function checkName(name: string, asked: readonly StepName[]): void {
  if (isStep(name) || asked.some((step) => Object.hasOwn(steps[step].options, name))) return;
  const owner = ownerOf(name);
  if (owner !== undefined)
    throw new UsageError(`${name} is an option of ${owner}, which the import does not request.`);
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
  if (twice !== undefined) throw new UsageError(`${twice} is given twice.`);
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
  const options: Readonly<Record<string, Option>> = Object.assign(
    {},
    ...asked.map((step) => steps[step].options),
  );
  const option = options[name === "laurel" ? "variant" : name];
  if (option?.type === "boolean" && value !== "true" && value !== "false")
    throw new UsageError(`${name} must be true or false (got ${value}).`);
  if (option) checkValues({ [name]: option.array ? [value] : value }, { [name]: option });
}
