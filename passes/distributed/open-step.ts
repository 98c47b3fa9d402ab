import { checkGiven, checkPath, text, type WithOrt, withOrt } from "../../src/arguments.ts";
import { entry } from "../../src/entry.ts";
import { InputError } from "../../src/errors.ts";
import { own } from "../../src/graph/own.ts";
import { sourceOf } from "../../src/model.ts";
import { externalLocations } from "../../src/onnx/all-tensors.ts";
import { jsonIn } from "../../src/onnx/bytes.ts";
import { leavesFolder } from "../../src/onnx/external.ts";
import { openBytes } from "../../src/onnx/open-file.ts";
import { closing, contentOf } from "../../src/onnx/source.ts";
import type { Declared } from "../../src/options.ts";
import { openSession, runBatch, type Tensors } from "../../src/ort/session.ts";
import { numberOf, scalarTensor, tensorOfFloats } from "../../src/ort/tensors.ts";
import { running } from "../finetune/finetune-options.ts";
import { readTensors } from "../finetune/tensor-bytes.ts";
import type { SizedFile } from "./graphs.ts";
import { MANIFEST, MANIFEST_FILE, type StepManifest } from "./manifest.ts";

/** How a step is opened. */
export interface OpenStepOptions extends WithOrt {
  /** The folder of the frozen weights, if it is not where the manifest says. */
  readonly weights?: string | undefined;
  /** Threads of onnxruntime; 0, the default, lets it choose. */
  readonly threads?: number | undefined;
}

const openStepOptions: Declared<OpenStepOptions> = {
  ...withOrt,
  weights: text,
  threads: running.threads,
};

/** A training step that one rank runs. Its weights and state are those of the last `load` or `update`. */
export interface OpenedStep {
  readonly manifest: StepManifest;
  /** Replaces weights and state by those of a .safetensors file with the manifest's keys. */
  load(bytes: Uint8Array): void;
  /** Weights and state by the manifest's keys. */
  state(): Tensors;
  /** The vector of a batch: inputs and the target's array by name. */
  gradients(batch: Tensors): Promise<Float32Array>;
  /** Loss, count and metrics of a batch, as the manifest's `evaluation` lays them out. */
  evaluate(batch: Tensors): Promise<Float32Array>;
  /**
   * Takes a step by the sum of all ranks' vectors; returns the norm of the gradients. If the
   * manifest's update has a `momentum`, it must be given.
   */
  update(vector: Float32Array, lr: number, step: number, momentum?: number): Promise<number>;
  /** Releases all sessions. */
  close(): Promise<void>;
}

/** Opens a folder that `exportStep` has written, with its start values. Throws an InputError if it is not one. */
export async function openStep(folder: string, options: OpenStepOptions): Promise<OpenedStep> {
  checkPath("openStep", folder);
  checkGiven("openStep", options, openStepOptions);
  const read = async (name: string) => {
    if (typeof name !== "string" || leavesFolder(name))
      throw new InputError(
        `${folder}/${MANIFEST_FILE} names a file outside its folder (${name}); export the step again.`,
      );
    return closing(await sourceOf(`${folder}/${name}`, name, ""), contentOf).slice();
  };
  const manifest = manifestOf(folder, await read(MANIFEST_FILE));
  const step = new NodeStep(manifest, { ...options, folder, read });
  step.load(await read(manifest.state.file));
  return step;
}

function manifestOf(folder: string, bytes: Uint8Array): StepManifest {
  const manifest = jsonIn(bytes) as Partial<StepManifest> | undefined;
  if (manifest?.format !== MANIFEST.format)
    throw new InputError(
      `${folder}/${MANIFEST_FILE} was not written by laurelize; give a folder that laurelize export-step has written.`,
    );
  if (manifest.version !== MANIFEST.version)
    throw new InputError(
      `${folder} has version ${manifest.version}, but this laurelize reads ${MANIFEST.version}; export the step again.`,
    );
  return manifest as StepManifest;
}

interface StepFolder extends OpenStepOptions {
  readonly folder: string;
  readonly read: (name: string) => Promise<Uint8Array>;
}

type Session = Awaited<ReturnType<typeof openSession>>;

class NodeStep implements OpenedStep {
  readonly manifest: StepManifest;
  readonly #from: StepFolder;
  readonly #sessions = new Map<string, Promise<Session>>();
  readonly #state: Record<string, Tensors[string]> = Object.create(null);

  constructor(manifest: StepManifest, from: StepFolder) {
    this.manifest = manifest;
    this.#from = from;
  }

  load(bytes: Uint8Array): void {
    const { tensors } = readTensors(this.#from.ort, bytes, this.manifest.state.file);
    for (const { key, shape } of this.manifest.state.tensors) {
      const tensor = own(tensors, key);
      if (tensor?.dims.join() !== shape.join())
        throw new InputError(
          `the state has no ${key}, which this step needs; give the state of this step.`,
        );
      this.#state[key] = tensor;
    }
  }

  state = () => this.#state;

  gradients = (batch: Tensors) =>
    this.#vector(this.manifest.gradients, batch, this.manifest.vector.name);

  evaluate = (batch: Tensors) =>
    this.#vector(this.manifest.eval, batch, this.manifest.evaluation.name);

  async update(vector: Float32Array, lr: number, step: number, momentum?: number): Promise<number> {
    const { update, vector: layout, state } = this.manifest;
    const { ort } = this.#from;
    const session = await this.#session(update.file);
    const changing = state.tensors.filter(({ output }) => output !== null);
    const outputs = await runBatch(
      session,
      {
        [update.vector]: tensorOfFloats(ort, vector, [layout.length]),
        [update.lr]: scalarTensor(ort, lr),
        [update.step]: scalarTensor(ort, step),
        ...(update.momentum ? { [update.momentum]: scalarTensor(ort, momentum!) } : {}),
        ...Object.fromEntries(changing.map(({ key, input }) => [input, this.#state[key]])),
      },
      `the update of step ${step}`,
    );
    for (const { key, output } of changing) this.#state[key] = outputs[output!];
    return numberOf(outputs[update.norm]);
  }

  async close(): Promise<void> {
    for (const session of this.#sessions.values()) await (await session).release();
    this.#sessions.clear();
  }

  async #vector(graphs: readonly SizedFile[], batch: Tensors, name: string): Promise<Float32Array> {
    const { inputs, target, arrays, state } = this.manifest;
    const feeds = Object.fromEntries(
      [...inputs, target, ...arrays].map(({ name, array }) => {
        const given = own(batch, array);
        if (given) return [name, given];
        throw new InputError(`a batch has no ${array}; it has ${Object.keys(batch).join(", ")}.`);
      }),
    );
    const rows = feeds[target.name].dims[0];
    const graph = graphs.find((each) => each.rows === rows);
    if (!graph)
      throw new InputError(
        `this step takes batches of ${graphs.map((each) => each.rows).join(" or ")} rows, but this one has ${rows}.`,
      );
    const weights = state.tensors.filter(({ role }) => role === "weight");
    for (const { key, input } of weights) feeds[input] = this.#state[key];
    const outputs = await runBatch(await this.#session(graph.file), feeds, "a batch");
    return outputs[name].data as Float32Array;
  }

  #session = (file: string) => entry(this.#sessions, file, () => this.#open(file));

  async #open(file: string): Promise<Session> {
    const { ort, read, threads, weights, folder } = this.#from;
    const { folder: place, files } = this.manifest.weights;
    const home = weights ?? `${folder}/${place}`;
    const bytes = await read(file);
    const locations = externalLocations(openBytes(bytes, file));
    const unnamed = [...locations].find((each) => !files.some(({ name }) => name === each));
    if (unnamed !== undefined)
      throw new InputError(
        `${file} keeps weights in ${unnamed}, which ${folder}/${MANIFEST_FILE} does not list; export the step again.`,
      );
    const model = { model: bytes, title: file };
    const placed = files.length > 0 ? { ...model, folder: home } : model;
    return openSession(ort, placed, "all", { threads, enableMemPattern: false });
  }
}
