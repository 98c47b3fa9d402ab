import { suggestion } from "./nearest.ts";

/** A caller's options, by name. */
export type GivenOptions = Readonly<Record<string, unknown>>;

type Kind = "string" | "number" | "boolean" | "object" | "function";

/** The range of a number option; numbers are always finite. */
export interface NumberRange {
  readonly integer?: true;
  readonly min?: number;
  /** An exclusive lower bound. */
  readonly above?: number;
  /** An exclusive upper bound. */
  readonly below?: number;
}

/** One option, declared once: the command line offers it, the API checks it, both report it idle. */
export interface Option {
  readonly type?: Kind;
  /** Whether the value is a list of the type. */
  readonly array?: true;
  /** Whether the value is an object of functions by names of the caller's choice. */
  readonly byName?: true;
  readonly isMap?: true;
  /** The required length of the list. */
  readonly length?: number;
  /** Whether `null` is allowed too. */
  readonly nullable?: true;
  readonly choices?: readonly string[];
  /** Words that may stand in place of a list of numbers. */
  readonly words?: readonly string[];
  readonly range?: NumberRange;
  readonly default?: string | number | boolean | null | readonly number[];
  /** The command line offers each choice as a flag, and %s in `describe` stands for it. */
  readonly flags?: true;
  readonly alias?: string;
  readonly describe?: string;
  /** Returns a clause on why the other values make the option idle; null if it has an effect. */
  readonly idle?: (others: GivenOptions) => string | null;
}

export type Options = Readonly<Record<string, Option>>;

/** The type of an option that counts something. */
export const positiveInteger = { type: "number", range: { integer: true, min: 1 } } as const;

/** Returns an option's name on the command line: "per-channel" for "perChannel". */
export const dashed = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Declares every option of an interface, and no other. */
export type Declared<T> = { readonly [Name in keyof T]-?: Option };

/** Returns the options that have no effect with the other values, each with the reason. */
export function idleOptions(given: GivenOptions, declared: Options): [name: string, why: string][] {
  return Object.entries(declared).flatMap(([name, option]) => {
    const value = given[name];
    const why = value === undefined || value === false ? null : (option.idle?.(given) ?? null);
    return why === null ? [] : [[name, why] as [string, string]];
  });
}

/** Returns the same as sentences; omits options that are set to their defaults. */
export const idleSentences = (given: GivenOptions, declared: Options): string[] =>
  idleOptions(given, declared)
    .filter(([name]) => given[name] !== declared[name].default)
    .map(([name, why]) => `${name} has no effect: ${why}.`);

/**
 * Checks an options object of the API against its declaration. Throws a TypeError of one sentence
 * if it is not an object, has an undeclared key, or has a value of the wrong type.
 */
export function checkOptions(of: string, given: unknown, declared: Options): void {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new TypeError(`${of} takes an object of options and got ${shown(given)}.`);
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(declared, name)) throw new TypeError(unknownOption(of, name, declared));
    const option = declared[name];
    if (value !== undefined && !fits(value, option))
      throw new TypeError(
        `option ${name} of ${of} must be ${kindOf(option)}; it is ${shown(value)}.`,
      );
  }
}

function unknownOption(of: string, name: string, declared: Options): string {
  const names = Object.keys(declared);
  return `${of} has no option ${name}; ${suggestion(name, names, `it has ${names.join(", ")}`)}`;
}

function fits(value: unknown, option: Option): boolean {
  // What has no type is checked where it is read.
  if (value === null) return option.nullable === true || (!option.type && !option.isMap);
  if (option.words?.includes(value as string)) return true;
  if (option.array) return Array.isArray(value) && value.every((each) => isKind(each, option));
  if (option.byName)
    return (
      isKind(value, { type: "object" }) &&
      Object.values(value as object).every((each) => isKind(each, option))
    );
  return isKind(value, option);
}

function isKind(value: unknown, { type, isMap }: Option): boolean {
  if (isMap) return value instanceof Map;
  if (type === "number") return Number.isFinite(value);
  // Namespaces and classes that are passed in may be functions.
  if (type === "object") return typeof value === "function" || isRecord(value);
  return type === undefined || typeof value === type;
}

/** Whether a value is an object whose properties count: those of a Map or a list are not read. */
export const isRecord = (value: unknown): value is GivenOptions =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Map);

const WORDS: Readonly<Record<Kind, readonly [one: string, many: string]>> = {
  string: ["a string", "an array of strings"],
  number: ["a number", "an array of numbers"],
  boolean: ["true or false", "an array of booleans"],
  object: ["an object", "an array of objects"],
  function: ["a function", "an array of functions"],
};
function kindOf({ type, array, byName, isMap, nullable, words = [] }: Option): string {
  const kind = isMap
    ? "a Map"
    : byName
      ? "an object of functions"
      : WORDS[type ?? "string"][array ? 1 : 0];
  return `${words.map((word) => `${shown(word)} or `).join("")}${kind}${nullable ? " or null" : ""}`;
}

/** Returns a value as error messages name it. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null || ["undefined", "number", "boolean"].includes(typeof value))
    return String(value);
  if (typeof value === "bigint") return `${value}n`;
  if (Array.isArray(value)) return "an array";
  if (value instanceof Promise) return "a promise, so await it first";
  if (value instanceof Map) return "a Map";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** Returns those of the given options that are declared. */
export const pickOptions = <T extends object>(given: T, declared: object): Partial<T> =>
  Object.fromEntries(
    Object.entries(given).filter(([name]) => Object.hasOwn(declared, name)),
  ) as Partial<T>;

/** Options that may be left out or `undefined`. */
export type Given<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** Returns given options, and defaults for the others. */
export const filled = <T extends object>(defaults: T, given: Given<T> | undefined): T => ({
  ...defaults,
  ...Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => value !== undefined)),
});
