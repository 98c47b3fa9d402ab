import type { VariantName } from "laurelize";
import { mutate } from "../support/mutate.ts";
import { mutateManifest } from "../support/mutate-manifest.ts";
import { seeded } from "../support/seeded.ts";
import { encode } from "../support/wire-tree.ts";
import type { Group, Seedling } from "./models.ts";

/** A case of the fuzz test; it follows from its seed and the set of models. */
export interface Case {
  readonly seed: number;
  readonly model: string;
  readonly did: readonly string[];
  readonly bytes: Uint8Array;
  /** The model before it was mutated. */
  readonly before: Uint8Array;
  /** What that was laurelized from; null where it was not. */
  readonly original: Uint8Array | null;
  readonly task: Task;
  /** How the tool is given the model. */
  readonly way: "bytes" | "path" | "bin";
  readonly options: Options;
}

/** What is done with the model: rewritten and proved, undone, or compared with what it was. */
export type Task = "laurelize" | "undo" | "compare";

/** Options of laurelize, as the roof and the command line take them. */
export interface Options {
  readonly variant: VariantName;
  readonly rank: number;
  readonly also: readonly ("se" | "merge" | "constant")[];
  readonly featureAxis: number | undefined;
  readonly externalData: string | null;
  readonly linkWeights: boolean;
  /** How far the result is proved. */
  readonly extent: "full" | "sites";
}

const VARIANTS = ["rw", "lr", "pa", "rw+lr", "rw+lr", "rw+pa", "lr+pa", "rw+lr+pa"] as const;
/** Where models come from; what stands here more often is taken more often. */
const GROUPS: readonly Group[] = [
  ...(["fixture", "fixture", "fixture", "counter-example", "laurelized"] as const),
  ...(["corpus", "corpus", "package"] as const),
];
/** One case in so many goes through the command line, which takes a process each. */
const BY_BIN = 12;

/** The case of a seed. */
export async function caseOf(seed: number, models: readonly Seedling[]): Promise<Case> {
  const draw = seeded(seed, "fuzz");
  const way = draw.oneIn(BY_BIN) ? "bin" : draw.oneIn(2) ? "path" : "bytes";
  const groups = GROUPS.filter((group) => models.some((model) => model.group === group));
  const of = (group: Group) => draw.one(models.filter((model) => model.group === group));
  const model = of(draw.one(groups));
  const donor = of(draw.one(groups));
  const task = model.group === "laurelized" ? "undo" : draw.oneIn(10) ? "compare" : "laurelize";
  const also = (["se", "merge", "constant"] as const).filter(() => draw.oneIn(3));
  const options: Options = {
    variant: draw.one(VARIANTS),
    rank: 1 + draw.upTo(7),
    also,
    featureAxis: draw.oneIn(12) ? draw.upTo(4) - 2 : undefined,
    externalData: way === "path" && draw.oneIn(5) ? "out.onnx.data" : null,
    linkWeights: way === "path" && draw.oneIn(5),
    extent: draw.oneIn(6) ? "sites" : "full",
  };
  const fields = await model.fields();
  const { bytes, did } =
    task === "undo" && draw.oneIn(2)
      ? mutateManifest(draw, fields)
      : mutate(draw, fields, await donor.fields());
  const original = await model.original();
  const before = encode(fields);
  return { seed, model: model.name, did, bytes, before, original, task, way, options };
}

/** What lies beside every model that is given by its path: zeros that weights may refer to. */
export const WEIGHTS = { name: "weights.bin", bytes: new Uint8Array(4096) } as const;
