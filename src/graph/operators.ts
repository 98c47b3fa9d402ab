import { EXTENSIONS } from "./extension-operators.ts";
import { STANDARD } from "./standard-operators.ts";

/**
 * What is true of an operator. One without any fact computes something that is not linear, and
 * mixes no features with weights of its own.
 *
 * - `layout`: moves values, or turns them to another type; changes none
 * - `addition`: a sum or difference
 * - `projection`: a norm, pool or reduction, which may stand on a projected skip
 * - `convolution`: mixes features with weights if an input behind the first is constant
 * - `product`: mixes features with weights if one of its factors is constant
 * - `block`: holds its weights and mixes features with them
 * - `attention`: takes a query, a key and a value, in this order, unless these are packed into one
 * - `enlarges`: can make a larger map of a smaller one
 * - `random`: draws by an attribute `seed`, which is a float
 * - `sizes`: reads no more of its input than its shape
 */
const FACTS = [
  "layout",
  "addition",
  "projection",
  "convolution",
  "product",
  "block",
  "attention",
  "enlarges",
  "random",
  "sizes",
] as const;

export type Fact = (typeof FACTS)[number];

interface Operator {
  /** The version of its domain's operator set that brought it. */
  readonly since: number;
  readonly facts: readonly string[];
}

const operators: ReadonlyMap<string, Operator> = new Map(
  `${STANDARD}${EXTENSIONS}`
    .split("\n")
    .filter((row) => row !== "")
    .map((row) => {
      const [name, since, ...facts] = row.split(" ");
      return [name, { since: Number(since), facts }];
    }),
);

/** The operators of which a fact is true, named as nodes have them: "com.microsoft.Gelu". */
export const operatorsThat = (fact: Fact): ReadonlySet<string> =>
  new Set([...operators].filter(([, { facts }]) => facts.includes(fact)).map(([name]) => name));

/** Whether the table has an operator. */
export const isKnownOperator = (op: string): boolean => operators.has(op);

/** The version of its domain's operator set that brought an operator; 1 if the table lacks it. */
export const sinceOf = (op: string): number => operators.get(op)?.since ?? 1;

/** Words of the table that are no facts. */
export const misspelt = (): string[] =>
  [...operators.values()].flatMap(({ facts }) =>
    facts.filter((fact) => !(FACTS as readonly string[]).includes(fact)),
  );
