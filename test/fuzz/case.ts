import { mutate } from "../support/mutate.ts";
import { seeded } from "../support/seeded.ts";
import type { Seedling } from "./models.ts";

/** A case of the fuzz test; it follows from its seed and the set of models. */
export interface Case {
  readonly seed: number;
  readonly model: string;
  readonly did: readonly string[];
  readonly bytes: Uint8Array;
  /** How the tool is given the model. */
  readonly way: "bytes" | "path" | "bin";
  readonly options: Options;
}

/** Options of laurelize, as the roof and the command line take them. */
export interface Options {
  readonly variant: string;
  readonly rank: number;
  readonly also: readonly ("se" | "merge" | "constant")[];
}

const VARIANTS = ["rw", "lr", "pa", "rw+lr", "rw+lr", "rw+pa", "lr+pa", "rw+lr+pa"];
/** One case in so many goes through the command line, which takes a process each. */
const BY_BIN = 12;

/** The case of a seed. */
export function caseOf(seed: number, models: readonly Seedling[]): Case {
  const draw = seeded(seed, "fuzz");
  const way = draw.oneIn(BY_BIN) ? "bin" : draw.oneIn(2) ? "path" : "bytes";
  const groups = models.some(({ group }) => group === "corpus")
    ? (["fixture", "fixture", "fixture", "counter-example", "corpus", "corpus", "package"] as const)
    : (["fixture", "fixture", "fixture", "counter-example", "package"] as const);
  const of = (group: Seedling["group"]) =>
    draw.one(models.filter((model) => model.group === group));
  const model = of(draw.one(groups));
  const donor = of(draw.one(groups));
  const also = (["se", "merge", "constant"] as const).filter(() => draw.oneIn(3));
  const options = { variant: draw.one(VARIANTS), rank: 1 + draw.upTo(7), also };
  const { bytes, did } = mutate(draw, model.fields(), donor.fields());
  return { seed, model: model.name, did, bytes, way, options };
}

/** What lies beside every model that is given by its path: zeros that weights may refer to. */
export const WEIGHTS = { name: "weights.bin", bytes: new Uint8Array(4096) } as const;
