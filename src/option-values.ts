import { InputError } from "./errors.ts";
import type { GivenOptions, Option, Options } from "./options.ts";

type Single<O> = O extends { readonly choices: readonly (infer C)[] }
  ? C
  : O extends { readonly type: "number" }
    ? number
    : O extends { readonly type: "string" }
      ? string
      : O extends { readonly type: "boolean" }
        ? boolean
        : unknown;

/** The type of an option's values. */
export type ValueOf<O> =
  | (O extends { readonly array: true }
      ? O extends { readonly length: 2 }
        ? readonly [Single<O>, Single<O>]
        : readonly Single<O>[]
      : Single<O>)
  | (O extends { readonly words: readonly (infer W)[] } ? W : never)
  | (O extends { readonly nullable: true } ? null : never);

/** The types of declared options, by name. */
export type ValuesOf<D> = { readonly [Name in keyof D]: ValueOf<D[Name]> };

/**
 * Checks the values of options against their choices, lengths and ranges. Throws an InputError of
 * one sentence for the first that does not fit; `called` returns the name to use in it.
 */
export function checkValues(
  given: GivenOptions,
  declared: Options,
  called = (name: string) => name,
): void {
  for (const [name, option] of Object.entries(declared)) {
    const value = given[name];
    if (value === undefined || (value === null && option.nullable)) continue;
    if (option.words?.includes(value as string)) continue;
    const values = [value].flat();
    const isRight =
      (option.length ?? values.length) === values.length &&
      values.every((each) => isAllowed(each, option));
    if (!isRight)
      throw new InputError(
        `${called(name)} must be ${allowed(option)} (got ${values.join(", ") || "none"}).`,
      );
  }
}

function isAllowed(value: unknown, { choices, range }: Option): boolean {
  if (choices && !choices.includes(value as string)) return false;
  if (!range) return true;
  const { integer, min, above, below } = range;
  const number = Number(value);
  return (
    (integer ? Number.isSafeInteger(number) : Number.isFinite(number)) &&
    number >= (min ?? number) &&
    (above === undefined || number > above) &&
    (below === undefined || number < below)
  );
}

/** Describes the values that an option takes: "a positive integer". */
export function allowed({ words = [], ...option }: Option): string {
  return [...words, allowedNumber(option)].join(" or ");
}

function allowedNumber({ choices, range = {}, length, array }: Option): string {
  if (choices)
    return `${choices.slice(0, -1).join(", ")}${choices.length > 1 ? " or " : ""}${choices.at(-1)}`;
  const { integer, min, above, below } = range;
  const isPositive = above === 0 || (integer && min === 1);
  const noun = `${isPositive ? "positive " : ""}${integer ? "integer" : "number"}`;
  const bounds = [
    !isPositive && min !== undefined ? `of at least ${min}` : null,
    !isPositive && above !== undefined ? `above ${above}` : null,
    below !== undefined ? `below ${below}` : null,
  ].filter((bound) => bound !== null);
  const article = /^i/.test(noun) ? "an" : "a";
  const many = [...(length === undefined ? [] : [length]), `${noun}s`].join(" ");
  return `${array ? many : `${article} ${noun}`}${bounds.length > 0 ? ` ${bounds.join(" and ")}` : ""}`;
}

/** A choice with options of its own, such as an optimizer. */
interface Chosen {
  readonly name: string;
  readonly options: Options;
}

type Intersection<U> = (U extends unknown ? (each: U) => void : never) extends (
  all: infer All,
) => void
  ? All
  : never;

/** The values of all options of several choices. */
export type ChosenValues<C extends Chosen> = Intersection<
  C extends unknown ? ValuesOf<C["options"]> : never
>;

/**
 * Merges the options of several choices, one of which a chooser option selects. An option has no
 * effect with choices that do not declare it. It has a default if all choices agree on one.
 * `namesIn` returns the names in the chooser's value, if several can be chosen.
 */
export function optionsOfChosen(
  chooser: string,
  among: readonly Chosen[],
  namesIn = (given: unknown): readonly string[] => [String(given)],
): Options {
  const names = new Set(among.flatMap(({ options }) => Object.keys(options)));
  const merged = [...names].map((name): [string, Option] => {
    const owners = among.filter(({ options }) => Object.hasOwn(options, name));
    const { default: first, ...option } = owners[0].options[name];
    const agree = owners.every(({ options }) => `${options[name].default}` === `${first}`);
    const idle = (others: GivenOptions) => {
      const chosen = namesIn(others[chooser] ?? among[0].name);
      if (owners.some((owner) => chosen.includes(owner.name))) return option.idle?.(others) ?? null;
      return `the ${chooser} ${chosen.join(", ")} does not use it`;
    };
    const describe = describedFor(name, owners, among.length);
    return [name, { ...option, describe, ...(agree ? { default: first } : {}), idle }];
  });
  return Object.fromEntries(merged);
}

/** Returns an option's sentence with the choices that have it, and defaults that differ. */
function describedFor(name: string, owners: readonly Chosen[], count: number): string {
  const [text, known] = (owners[0].options[name].describe ?? "").split("  [default: ");
  const defaults = owners.map((owner) => `${owner.options[name].default} for ${owner.name}`);
  const differ = new Set(owners.map(({ options }) => `${options[name].default}`)).size > 1;
  const byDefault = known ?? (differ ? `${defaults.join(", ")}]` : null);
  const who = owners.length < count ? ` (${owners.map((owner) => owner.name).join(", ")})` : "";
  return `${text}${who}${byDefault === null ? "" : `  [default: ${byDefault}`}`;
}

/**
 * Returns the values of declared options, with defaults for those not given. Throws an InputError
 * of one sentence for the first value out of range.
 */
export function valuesOf<const D extends Options>(
  declared: D,
  given: GivenOptions | undefined,
): ValuesOf<D> {
  checkValues(given ?? {}, declared);
  const values = Object.entries(declared).map(([name, option]) => {
    const value = given?.[name];
    return [name, value === undefined ? (option.default ?? null) : value];
  });
  return Object.fromEntries(values) as ValuesOf<D>;
}
