import {
  findResiduals,
  finetune,
  InputError,
  laurelize,
  type Model,
  NoSiteError,
  type Ort,
  prove as proveResult,
  type Tensors,
} from "laurelize";
import { runAll } from "../../src/compare/outputs.ts";
import { uniform } from "../../src/graph/random.ts";
import { encodeNumbers } from "../../src/graph/tensor.ts";
import { modelOf, typesOf } from "../../src/model.ts";
import { isFloat } from "../../src/onnx/dtypes.ts";
import { withOutputs } from "../../src/ort/expose.ts";
import { runnable } from "../../src/ort/loading.ts";
import { tensorOfBytes } from "../../src/ort/tensors.ts";
import { sampleInputs } from "../../src/samples/samples.ts";

/** What the API makes of one model under one runtime, as JSON. */
export interface Outcome {
  /** Name, kind, feature axis and shape of each site. */
  readonly sites: readonly string[];
  readonly rejected: readonly string[];
  readonly warnings: readonly string[];
  /** SHA-256 of the result; null if nothing is written. */
  readonly bytes: string | null;
  /** Each check and its outcome. */
  readonly verdicts: readonly string[];
  /** Loss and gradient norm of the first training step; null if the model is not trained. */
  readonly step: { readonly loss: number; readonly norm: number } | null;
  /** Sentences of what was refused. */
  readonly refused: readonly string[];
}

/** What is left out, to save time. */
export interface RunOptions {
  readonly prove?: boolean;
  readonly train?: boolean;
}

/** Finds, laurelizes, proves and trains one step, everything through the public API. */
export async function apiRun(
  model: Model,
  { InferenceSession, Tensor }: Ort,
  { prove = true, train = true }: RunOptions = {},
): Promise<Outcome> {
  const ort: Ort = { InferenceSession, Tensor };
  const found = await findResiduals(model, { ort });
  const { sites, rejected, warnings } = found;
  const outcome = {
    sites: sites.map(({ name, kind, feature, shape }) =>
      JSON.stringify([name, kind, feature, shape]),
    ),
    rejected: rejected.map(({ output, reason }) => `${output.name}: ${reason}`),
    warnings,
    bytes: null,
    verdicts: [],
    step: null,
    refused: [],
  };
  const refused: string[] = [];
  const attempt = async <T>(work: () => Promise<T>): Promise<T | null> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof InputError) && !(error instanceof NoSiteError)) throw error;
      refused.push(error.message);
      return null;
    }
  };
  const result = await attempt(() => laurelize(model, { ort, variant: "rw+lr", rank: 4 }));
  if (!result) return { ...outcome, refused };
  const bytes = await digest(result.model.toBytes());
  const proof = prove ? await attempt(() => proveResult(result, { ort })) : null;
  const verdicts = (proof?.checks ?? []).map(({ name, outcome }) => `${name}: ${outcome}`);
  const step = train ? await attempt(() => firstStep(result.model, ort)) : null;
  return { ...outcome, bytes, verdicts, step, refused };
}

/**
 * The first step toward random targets of the first float output, or of what its Softmax reads:
 * where the weights before a Softmax are all equal, the gradient behind it is nothing but rounding.
 */
async function firstStep(tuned: Model, ort: Ort): Promise<Outcome["step"]> {
  const { types: all } = await typesOf(tuned, ort);
  const float = tuned.graph.main.outputs.find((value) => isFloat(all.get(value)?.dtype));
  if (!float) return null;
  const { producer } = float;
  const before = producer?.op === "Softmax" ? producer.inputs[0]!.name : float.name;
  const model = modelOf(withOutputs(tuned.file, [before]));
  const { types } = await typesOf(model, ort);
  const output = model.graph.main.outputs.find(({ name }) => name === before)!;
  const run = (feed: Tensors) => runAll(ort, runnable(model.file), "disabled", [feed]);
  const { feeds } = await sampleInputs({ ort, graph: model.graph, types }, run, 1);
  const [given] = await run(feeds[0]);
  const { dims, data } = given[output.name];
  const next = uniform(1, "target");
  const values = Float64Array.from({ length: data.length }, () => 2 * next() - 1);
  const { dtype } = types.get(output)!;
  const target = tensorOfBytes(ort, dtype, encodeNumbers(dtype, values), dims);
  const training = finetune(model, {
    ort,
    loss: "mse",
    target: "the target",
    output: output.name,
    threads: 1,
  });
  for await (const { loss, norm } of training.over([{ ...feeds[0], "the target": target }]))
    return { loss, norm };
  return null;
}

async function digest(bytes: Uint8Array): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
