import { addedWeights, bytesSource, openNpz, plan, typeOfInfo } from "../../passes/internal.ts";
import {
  type FoundResiduals,
  findResiduals,
  InputError,
  isLaurelized,
  type Laurelized,
  laurelize,
  type Model,
  NoSiteError,
  openModel,
  type ProofOptions,
  prove,
  type ResidualOptions,
  rejectionJson,
  type Site,
} from "../../src/index.ts";
import { parseFeatureAxis } from "../parse-options.ts";
import { headline, sums } from "../text.ts";
import { ladderDrawing } from "./drawings.ts";
import type { InsertChoice, Reporting, SearchChoice, TuningChoice } from "./messages.ts";
import { proofResult, type Rewritten } from "./proof-result.ts";
import { pageRuntime as ort } from "./runtime.ts";
import { STRIP } from "./strips.ts";
import { type Tuned, tuned } from "./tuning.ts";

/** Works on one model at a time, the last that was opened. */
export class ModelWork {
  #current: { readonly model: Model; readonly found: FoundResiduals } | null = null;
  #search: Pick<ResidualOptions, "also" | "featureAxis"> = {};
  #laurel: { readonly choice: string; readonly laurel: Laurelized } | null = null;
  #training: AbortController | null = null;

  async open(
    report: Reporting,
    files: readonly File[],
    { also, featureAxis }: SearchChoice,
  ): Promise<OpenedModel> {
    this.#search = {
      also,
      featureAxis: featureAxis === "" ? undefined : parseFeatureAxis(featureAxis),
    };
    this.#current = this.#laurel = null;
    report({ progress: 0, step: "reading the model" });
    const [file, ...others] = files;
    const data = Object.fromEntries(others.map((other) => [other.name, other]));
    const model = await openModel(file, { data });
    report({ progress: 0.3, step: "finding the residual connections" });
    const found = await findResiduals(model, { ort, ...this.#search });
    this.#current = { model, found };
    return openedModel(model, found);
  }

  /** Returns how many weights a choice adds, and the ladder with its sites marked. */
  async count(_: Reporting, { sites, ...wanted }: InsertChoice) {
    const { model, found } = this.#opened();
    const chosen = new Set(sites);
    const at = found.sites.filter(({ name }) => chosen.has(name));
    const planned = plan(model.graph, at, wanted);
    const { added, percent } = addedWeights({ original: model, plan: planned });
    return { added, percent, ladder: ladderDrawing({ ...found, chosen: at }, model) };
  }

  async rewrite(report: Reporting, choice: InsertChoice): Promise<Rewritten> {
    const onProgress = (from: number, to: number) => (done: number, step: string) =>
      report({ progress: from + (to - from) * done, step });
    const laurel = await this.#rewritten(choice, onProgress(0, 0.2));
    const proof = await prove(laurel, { ort, onProgress: onProgress(0.2, 1) });
    return proofResult(laurel, proof);
  }

  /** Returns the names of the arrays of an .npz that are not inputs of the model. */
  async targets(_: Reporting, data: File): Promise<readonly string[]> {
    const { model } = this.#opened();
    const source = bytesSource(new Uint8Array(await data.arrayBuffer()), data.name);
    const inputs = new Set(model.graph.main.inputs.map(({ name }) => name));
    return openNpz(source).names.filter((name) => !inputs.has(name));
  }

  /** Fine-tunes what `rewrite` has made of the choice, or a model that is laurelized already. */
  async tune(report: Reporting, tuning: TuningChoice, choice: InsertChoice): Promise<Tuned> {
    const { model, found } = this.#opened();
    const laurelized = isLaurelized(model) ? model : (await this.#rewritten(choice)).model;
    this.#training = new AbortController();
    try {
      return await tuned(laurelized, tuning, { found, report, signal: this.#training.signal });
    } finally {
      this.#training = null;
    }
  }

  /** Ends a training after its current step. */
  async stop(): Promise<void> {
    this.#training?.abort();
  }

  /** The model that was rewritten with this choice, or is now. */
  async #rewritten(
    choice: InsertChoice,
    onProgress?: ProofOptions["onProgress"],
  ): Promise<Laurelized> {
    const key = JSON.stringify(choice);
    if (this.#laurel?.choice === key) return this.#laurel.laurel;
    const options = { ...choice, ...this.#search, ort, externalData: null, onProgress };
    const laurel = await laurelize(this.#opened().model, options);
    this.#laurel = { choice: key, laurel };
    return laurel;
  }

  #opened() {
    if (!this.#current) throw new InputError("no model is open; choose one first.");
    return this.#current;
  }
}

/** Returns what the page shows of a model and its residual connections. */
function openedModel(model: Model, found: FoundResiduals) {
  const already = isLaurelized(model);
  return {
    headline: headline(model),
    sums: sums(found, true),
    /** Those that can be chosen. */
    sites: freeSites(found).map(rowOf),
    others: found.rejected.map((rejection) => {
      const { node, output, op, reason } = rejectionJson(rejection);
      return { name: node || output, op, reason };
    }),
    ladder: found.sites.length > 0 ? ladderDrawing(found, model) : "",
    warnings: found.warnings,
    /** If so, it can be fine-tuned at once. */
    isLaurelized: already,
    /** Why nothing can be inserted, in the sentence of the command line. */
    obstacle:
      already || freeSites(found).length > 0
        ? null
        : new NoSiteError(found, model.source.name).message,
    /** Whether it is a classifier of strips, as the bundled digits are. */
    readsStrips: readsStrips(model),
  };
}

/** What the page shows of an opened model. */
export type OpenedModel = ReturnType<typeof openedModel>;

const freeSites = ({ sites }: FoundResiduals) => sites.filter(({ kind }) => kind !== "laurel");

/** A site and "[N, 96, 12, 48], 96 features, stream 1". */
const rowOf = ({ name, shape, feature, stream }: Site) => ({
  name,
  about: `[${shape.map((dim) => dim || "?").join(", ")}], ${feature.size} features, stream ${stream}`,
});

/** Whether a model takes strips of 48 × 192 points as its only input x, and distinguishes two classes. */
function readsStrips({ file, graph }: Model): boolean {
  const shapeOf = (info: (typeof file.graph.inputs)[number] | undefined) =>
    (info && typeOfInfo(info)?.shape) || [];
  const names = graph.main.inputs.map(({ name }) => name);
  const { channels, height, width } = STRIP;
  const [, ...dims] = shapeOf(file.graph.inputs.find(({ name }) => name === "x"));
  const fits = [channels, height, width].every(
    // A dimension that is free has a name, or no size.
    (size, k) => typeof dims[k] !== "number" || dims[k] <= 0 || dims[k] === size,
  );
  const classes = file.graph.outputs.map((output) => shapeOf(output).at(-1));
  return names.join() === "x" && dims.length === 3 && fits && classes.join() === "2";
}
