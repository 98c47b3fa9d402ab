import type { Tensor } from "onnxruntime-common";
import { compareTensors } from "../../src/compare/difference.ts";
import { patchedFile } from "../../src/graph/patch.ts";
import { encodeNumbers, roundoff } from "../../src/graph/tensor.ts";
import { isFloat } from "../../src/onnx/dtypes.ts";
import type { ModelFile } from "../../src/onnx/model-file.ts";
import type { DenseTensor } from "../../src/onnx/new-node.ts";
import { withOutputs } from "../../src/ort/expose.ts";
import { withFixedSeeds } from "../../src/ort/fixed-seeds.ts";
import { dtypeOf, tensorToRun } from "../../src/ort/tensors.ts";
import type { InsertedSite } from "../laurelize/insert.ts";
import type { LearningRuns, Point } from "./learning-runs.ts";
import { withRuns } from "./weighted-runs.ts";

/** What the lost tensors of a site do to its sum once the site's first movers have moved. */
export interface LostAtSite {
  readonly inserted: InsertedSite;
  readonly point: Point;
  readonly dims: readonly number[];
  readonly changes: readonly {
    readonly tensor: DenseTensor;
    readonly change: Float64Array;
    /** The sum's largest magnitude. */
    readonly most: number;
  }[];
  /** Tensors that change it only on random operands, or of which nothing is known. */
  readonly untold: readonly DenseTensor[];
  /** The point at which these change it. */
  readonly untoldAt: Point;
}

/** Returns whether an output of the original moves by more units of rounding if sums change like this. */
type Feels = (sites: readonly LostAtSite[], units?: number) => Promise<boolean>;

/** Calls `work` with a function that runs the original with something added to the skips of some sites. */
export async function withFeeling(
  { ort, original, feeds }: LearningRuns,
  sites: readonly LostAtSite[],
  outputs: readonly string[],
  work: (feels: Feels) => Promise<void>,
): Promise<void> {
  if (sites.length === 0) return;
  const seen = outputs.filter((name) => original.main.values.has(name));
  const file = withFixedSeeds(withOutputs(withChanges(original.file, sites), seen));
  const added = (given: readonly LostAtSite[]) =>
    Object.fromEntries(
      sites.map(({ inserted: { site }, dims }, k) => {
        const changes = given.find(({ inserted }) => inserted.site === site)?.changes;
        const numbers = changes ? largest(changes.map(({ change }) => change)) : [0];
        const bytes = encodeNumbers(site.dtype, numbers);
        return [changeNamed(k), tensorToRun(ort, site.dtype, bytes, changes ? dims : [])];
      }),
    );
  await withRuns(ort, file, new Set(), async (running) => {
    const still = await running({ ...feeds, ...added([]) }, seen);
    await work(async (given, units = ROUNDED) => {
      const got = await running({ ...feeds, ...added(given) }, seen);
      return seen.some((name) => differ(still[name], got[name], units));
    });
  });
}

/** Units of rounding, of a value's largest element, within which a change may be lost elsewhere. */
const ROUNDED = 64;

/** Whether two values differ by more than some units of rounding. */
function differ(a: Tensor, b: Tensor, units: number): boolean {
  const { bitEqual, relative } = compareTensors(a, b);
  if (bitEqual || a.type === "string") return !bitEqual;
  const dtype = dtypeOf(a);
  return !isFloat(dtype) || !(relative <= units * roundoff(dtype));
}

const changeNamed = (k: number) => `change ${k} of a sum`;

/** Returns a model that adds an input to the skip of each site. */
function withChanges(file: ModelFile, sites: readonly LostAtSite[]): ModelFile {
  const moved = (k: number) => `skip ${k} with its change`;
  return patchedFile(file, {
    inputs: sites.map(({ inserted: { site } }, k) => ({
      name: changeNamed(k),
      type: { dtype: site.dtype, shape: null },
    })),
    nodes: sites.map(({ inserted: { site } }, k) => ({
      before: site.skip.use.node,
      node: {
        ...{ name: "", op: "Add", attributes: {} },
        inputs: [site.skip.value.name, changeNamed(k)],
        outputs: [moved(k)],
      },
    })),
    redirects: sites.map(({ inserted: { site } }, k) => ({ use: site.skip.use, name: moved(k) })),
  });
}

/** Returns the largest of some changes, place by place. */
function largest(changes: readonly Float64Array[]): Float64Array {
  const [first, ...others] = changes;
  return first.map((number, at) =>
    others.reduce((most, { [at]: n }) => (Math.abs(n) > Math.abs(most) ? n : most), number),
  );
}
