import { checkModel, checkNames } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { listed } from "../../src/figures.ts";
import { tensorOf, typeOfTensor } from "../../src/graph/constants.ts";
import type { Value } from "../../src/graph/graph.ts";
import { graphValues, weightNamed } from "../../src/graph/scopes.ts";
import type { Model } from "../../src/model.ts";
import { nearest } from "../../src/nearest.ts";
import { elements, isFloat } from "../../src/onnx/dtypes.ts";
import { nodeMetadata } from "../../src/onnx/model-file.ts";
import { modulePath, notedPath } from "../head/module-paths.ts";
import { tuningOf } from "../head/tuning.ts";
import {
  foldedSentence,
  laurelizations,
  parameterNames,
  siteNameIn,
  sitesOf,
} from "../laurelize/manifest.ts";
import { matcher } from "../residuals/glob.ts";
import { notedParameters } from "./noted-parameters.ts";
import { isParameter, MADE_UP } from "./parameters.ts";

/**
 * Returns the names of a model's weights that training changes. First come LAuReL's, then those of
 * a new last layer, then other weights of its main graph that match a glob, in file order. A
 * pattern matches parameters alone, a full name any float weight. Throws an InputError if there are
 * none, if LAuReL's weights are inputs, or if a glob does not match any float weight.
 */
export function trainableWeights(model: Model, globs: readonly string[] = []): string[] {
  checkModel("trainableWeights", model);
  checkNames("trainableWeights", globs);
  const { name } = model.source;
  const { values } = model.graph.main;
  const own = ownWeights(model, globs);
  const missing = own.find((each) => !tensorOf(weightNamed(model.graph, each)));
  if (missing !== undefined)
    throw new InputError(
      values.has(missing)
        ? `${name} takes its LAuReL weights as inputs and does not contain them; use the model it was made from.`
        : `${name} has lost the weight ${missing} that its metadata names, because another tool rewrote it; use the file that laurelize wrote.`,
    );
  const floats = floatWeights(model);
  const names = new Set(own);
  for (const glob of globs.flatMap((glob) => asMeant(model, floats, glob))) {
    const { found, others } = matching(model, floats, glob);
    const [other] = others;
    if (found.length === 0)
      throw new InputError(
        other
          ? `${glob} does not match any weight of ${name}, but ${other.name}, a statistic, scale or constant that training leaves as it is; give its whole name to train it.`
          : `${glob} does not match any float weight of ${name}; ${nearNames(
              glob,
              floats
                .filter((value) => isParameter(value))
                .map((value) => value.name)
                .filter((each) => !own.includes(each)),
            )}`,
      );
    for (const value of found) names.add(value.name);
  }
  return [...names];
}

/** Returns the float weights of a model's main graph, in file order. */
export const floatWeights = ({ graph }: Model): Value[] =>
  [...graph.main.values.values()].filter(
    (value) => tensorOf(value) && isFloat(typeOfTensor(value)?.dtype),
  );

/** The globs that a list, or the name of a module, stands for: "fc.*" for "fc". */
function asMeant(model: Model, floats: readonly Value[], glob: string): string[] {
  const matches = (other: string) => {
    const { found, others } = matching(model, floats, other);
    return found.length + others.length > 0;
  };
  if (glob === "" || matches(glob)) return [glob];
  const parts = glob.split(/,(?![^{]*\})/).map((part) => part.trim());
  if (parts.length > 1 && !parts.includes(""))
    return parts.flatMap((part) => asMeant(model, floats, part));
  return matches(`${glob}.*`) ? [`${glob}.*`] : [glob];
}

/** What a name or a pattern matches: a pattern finds parameters, and other floats are left out. */
function matching(model: Model, floats: readonly Value[], glob: string) {
  const matches = matcher([glob])!;
  const kindOf = insertedKinds(model);
  const [found, others]: Value[][] = [[], []];
  for (const value of floats) {
    const names = [value.name, ...moduleNames(model, value)];
    if (!names.some(matches)) continue;
    // What LAuReL computes with is constant; its weights are trained anyway.
    const isConstant = kindOf(value.name) === "constants";
    const isTaken = names.includes(glob) || (!isConstant && isParameter(value));
    (isTaken ? found : others).push(value);
  }
  return { found, others };
}

/**
 * What a weight is called in its PyTorch module if its exporter has renamed it: "fc.weight" for the
 * "onnx::MatMul_33" that "/fc/MatMul" reads. A node outside of all modules gives no name.
 */
function moduleNames({ file }: Model, { name, uses }: Value): string[] {
  const noted = notedParameters(file, name);
  if (noted) return [...noted];
  if (!MADE_UP.test(name)) return [];
  return uses.flatMap(({ node, index }) => {
    const called = node.message.name;
    const path =
      notedPath(nodeMetadata(file, node.message)) ??
      (called.replace(/^\//, "").includes("/") ? modulePath(called) : null);
    return path ? [`${path}.${index === 2 || node.op === "Add" ? "bias" : "weight"}`] : [];
  });
}

/** Weights that are trained without being named: LAuReL's, and those of a new last layer. */
function ownWeights(model: Model, globs: readonly string[]): string[] {
  const head = tuningOf(model.metadata)?.head?.weights ?? [];
  const isPlain = laurelizations(model.metadata).length === 0;
  if (isPlain && (head.length > 0 || globs.length > 0)) return [...head];
  const advice = '; name weights of its own with --train (train: ["head.*"] in the API)';
  return [...parameterNames(laurelizationsOf(model, advice)), ...head];
}

/** Returns the weights that are trained only because a glob names them. */
export function furtherWeights(model: Model, globs: readonly string[] = []): string[] {
  const own = new Set(ownWeights(model, globs));
  return trainableWeights(model, globs).filter((name) => !own.has(name));
}

/** Returns what was inserted into the model. Throws an InputError if nothing was, or if its metadata cannot be read. */
export function laurelizationsOf(model: Model, advice = "; laurelize it first") {
  const inserted = laurelizations(model.metadata);
  if (inserted.length === 0)
    throw new InputError(
      foldedSentence(model.source.name, model.metadata, "take") ??
        `${model.source.name} is not laurelized, so it has no LAuReL weights${advice}.`,
    );
  return inserted.map((each) => {
    if (each) return each;
    throw new InputError(
      `${model.source.name} has metadata from laurelize that cannot be read; use the file that laurelize wrote.`,
    );
  });
}

const LISTED = 5;

/** Returns names similar to a glob that matches none, as the end of a sentence. */
function nearNames(glob: string, names: readonly string[]): string {
  const parts = (text: string) =>
    text
      .toLowerCase()
      .split(/[^a-z0-9]+/)
      .filter(Boolean);
  const wanted = parts(glob.replace(/[*?[\]{}()!+@]/g, " "));
  const near = names.filter((name) => {
    const own = parts(name);
    return wanted.some(
      (part) => name.toLowerCase().includes(part) || nearest(part, own) !== undefined,
    );
  });
  if (names.length === 0) return "it has none that training could change.";
  return near.length > 0
    ? `similar names are ${listed(near, LISTED)}.`
    : `the last ones in the file are ${names.slice(-LISTED).join(", ")}.`;
}

/** Counts the float weights of a model that are LAuReL's, and the constants that it computes with. */
export function insertedWeights(model: Model): { weights: number; constants: number } {
  const kindOf = insertedKinds(model);
  const counts = { weights: 0, constants: 0 };
  for (const value of graphValues(model.graph)) {
    const kind = kindOf(value.name);
    const type = kind && tensorOf(value) ? typeOfTensor(value) : null;
    if (kind && isFloat(type?.dtype)) counts[kind] += elements(type!.shape!.map(Number));
  }
  return counts;
}

/** Returns what a value is by its name: a weight of LAuReL's, a constant that it computes with, or null. */
function insertedKinds({ metadata }: Model) {
  const inserted = laurelizations(metadata);
  const sites = new Set(sitesOf(inserted).map(({ name }) => name));
  const trained = new Set(parameterNames(inserted));
  return (name: string) =>
    trained.has(name) ? "weights" : sites.has(siteNameIn(name) ?? "") ? "constants" : null;
}
