import type { DataOptions } from "./graph/placing.ts";
import { checkValues } from "./option-values.ts";
import {
  checkOptions,
  type Declared,
  type GivenOptions,
  type Option,
  type Options,
  shown,
} from "./options.ts";
import type { Watching } from "./ort/abortable.ts";
import type { Ort } from "./ort/session.ts";

/** Options of functions that run onnxruntime. */
export interface WithOrt {
  /** onnxruntime-node, onnxruntime-web or onnxruntime-react-native. */
  readonly ort: Ort;
}

export const text: Option = { type: "string" };
export const texts: Option = { type: "string", array: true };
export const number: Option = { type: "number" };
export const flag: Option = { type: "boolean" };
export const object: Option = { type: "object" };
export const objects: Option = { type: "object", array: true };
export const callback: Option = { type: "function" };
export const callbacks: Option = { type: "function", byName: true };
export const orNull = (option: Option): Option => ({ ...option, nullable: true });

export const withOrt: Declared<WithOrt> = { ort: object };

export const dataOptions: Declared<DataOptions> = {
  externalData: orNull(text),
  copyData: orNull(text),
};

/** Options of long-running functions. */
export const watching: Declared<Watching> = { signal: object, onProgress: callback };

/**
 * Checks the options of an API function, and those of nested objects (`within`). Throws a TypeError
 * of one sentence for a wrong key or type, or if onnxruntime is missing, and an InputError for a
 * value that an option does not take: before anything is read, and not where it is first used.
 */
export function checkGiven(
  of: string,
  options: unknown,
  declared: Options,
  within: Readonly<Record<string, Options>> = {},
): void {
  const needsOrt = "ort" in declared;
  if (options === undefined && needsOrt)
    throw new TypeError(
      `${of} needs an options object with onnxruntime as its last argument: { ort }, after import * as ort from "onnxruntime-node" or "onnxruntime-web".`,
    );
  for (const name of Object.keys(options ?? {}))
    for (const [group, inner] of Object.entries(within))
      if (!Object.hasOwn(declared, name) && Object.hasOwn(inner, name))
        throw new TypeError(
          `${of} has no option ${name}; it is one of ${group}: { ${group}: { ${name}: … } }.`,
        );
  checkOptions(of, options, declared);
  checkValues(options as GivenOptions, declared);
  const given = options as GivenOptions;
  for (const name of ["ort", "alsoOrt"])
    if (name in declared && (given[name] !== undefined || name === "ort") && !isOrt(given[name]))
      throw new TypeError(
        `option ${name} of ${of} must be onnxruntime: import * as ort from "onnxruntime-node" or "onnxruntime-web".`,
      );
  if ("signal" in declared && given.signal !== undefined && !isSignal(given.signal))
    throw new TypeError(`option signal of ${of} must be the signal of an AbortController.`);
  for (const [name, inner] of Object.entries(within)) {
    const value = given[name];
    if (value === undefined) continue;
    checkOptions(`${of}'s ${name}`, value, inner);
    checkValues(value as GivenOptions, inner);
  }
}

const isOrt = (value: unknown) => {
  const { InferenceSession, Tensor } = (value ?? {}) as Partial<Ort>;
  return InferenceSession !== undefined && Tensor !== undefined;
};

const isSignal = (value: unknown) =>
  typeof (value as Partial<AbortSignal>).throwIfAborted === "function";

/** Throws a TypeError, one sentence, if an argument does not fit: `takes` says what would. */
export function checkArgument(of: string, given: unknown, fits: boolean, takes: string): void {
  if (!fits) throw new TypeError(`${of} takes ${takes}, and got ${shown(given)}.`);
}

/** Throws a TypeError, one sentence, if an argument is not a path, bytes or a Blob. */
export function checkFrom(of: string, given: unknown): void {
  const fits = typeof given === "string" || given instanceof Uint8Array || given instanceof Blob;
  checkArgument(of, given, fits, "a path, a Uint8Array or a Blob");
}

/** Throws a TypeError, one sentence, if an argument is not a path to write to. */
export const checkPath = (of: string, given: unknown): void =>
  checkArgument(of, given, typeof given === "string" && given !== "", "a path to write to");

/** Throws a TypeError, one sentence, if an argument is not a Map from names to bytes. */
export function checkBytesByName(of: string, given: unknown): void {
  const all = given instanceof Map ? [...given.values()] : [null];
  const fits = all.every((bytes) => bytes instanceof Uint8Array);
  checkArgument(of, given, fits, "a Map from names to Uint8Arrays");
}

/** Throws a TypeError, one sentence, if an argument is not an array of strings. */
export function checkNames(of: string, given: unknown): void {
  const fits = Array.isArray(given) && given.every((name) => typeof name === "string");
  checkArgument(of, given, fits, "an array of names");
}

/** Throws a TypeError of one sentence if an argument is not a model from `openModel`. */
export function checkModel(of: string, model: unknown, which = "model"): void {
  if (typeof model === "object" && model !== null && "source" in model && "toBytes" in model)
    return;
  const got = isLaurelizedResult(model) ? "a result of laurelize; pass its .model" : shown(model);
  throw new TypeError(
    `${of} takes an opened ${which}, await openModel("model.onnx"), and got ${got}.`,
  );
}

const isLaurelizedResult = (value: unknown) =>
  typeof value === "object" && value !== null && "plan" in value && "model" in value;

/** Throws a TypeError of one sentence if an argument is not a result of `laurelize`. */
export function checkLaurelized(of: string, given: unknown): void {
  if (isLaurelizedResult(given)) return;
  throw new TypeError(
    `${of} takes a result of laurelize, await laurelize(model, { ort }), and got ${typeof given === "object" && given !== null && "source" in given ? "a model" : shown(given)}; compare compares any two models.`,
  );
}
