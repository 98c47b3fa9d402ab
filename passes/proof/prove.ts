import { checkGiven, checkLaurelized, text, type WithOrt, withOrt } from "../../src/arguments.ts";
import { comparableOf } from "../../src/compare/comparable.ts";
import { InputError } from "../../src/errors.ts";
import { typesOf } from "../../src/model.ts";
import { abortable, unlessAborted } from "../../src/ort/abortable.ts";
import { runnable } from "../../src/ort/loading.ts";
import type { Laurelized } from "../laurelize/laurelize.ts";
import { checkMemory } from "../laurelize/memory.ts";
import { type Proof, type ProofOptions, proving } from "./checks.ts";
import { withComputedWeights } from "./computed-weights.ts";
import { runChecks } from "./proof.ts";
import { proveSites } from "./prove-sites.ts";
import { hasManySites } from "./sample.ts";

/**
 * Proves a laurelized model in onnxruntime, in full or only at its sites (`extent`). `written` is
 * the path of a file that holds it already; without it the model's bytes are loaded. Throws an
 * InputError if a full proof would not fit into memory, or if options contradict each other.
 */
export async function prove(
  laurelized: Laurelized,
  options: WithOrt & ProofOptions & { readonly written?: string | undefined },
): Promise<Proof> {
  checkLaurelized("prove", laurelized);
  checkGiven("prove", options, { ...withOrt, ...proving, written: text });
  if (options.extent === "sites" && options.alsoOrt)
    throw new InputError(
      'alsoOrt repeats a run of the whole model, and the extent "sites" runs none; leave one of them out.',
    );
  const { original, lowered, model, plan: planned } = laurelized;
  const { undos, calls, nodes, composed } = lowered;
  const { graph } = lowered.model;
  const ort = abortable(options.ort, options.signal);
  const { types } = await typesOf(lowered.model, ort);
  if (options.extent === "sites")
    return unlessAborted(
      options.signal,
      proveSites({ ort, original: graph, result: model.graph, plan: planned }, types, options),
    );
  checkMemory(model);
  const comparable = comparableOf(graph, types);
  // A graph of hundreds of sites is loaded with what its new weights alone decide computed.
  const whole = hasManySites(planned)
    ? await withComputedWeights(ort, model.graph, planned)
    : model.file;
  const file = comparable.provable(whole);
  const written = file === model.file ? options.written : undefined;
  const result = {
    graph: model.graph,
    runnable: { ...runnable(file, written), title: "the result" },
  };
  const before = { graph: composed.graph, types: (await typesOf(composed, ort)).types };
  const closed = { file: comparable.provable(original.file), calls, nodes, composed: before };
  const lower = { graph, types, comparable, closed: undos.length > 0 ? closed : null };
  const proved = { ort, original: lower, result, plan: planned };
  return unlessAborted(options.signal, runChecks(proved, options));
}
