import { entry } from "../../src/entry.ts";
import { FIELD } from "../../src/onnx/messages.ts";
import { entriesIn, type ModelFile } from "../../src/onnx/model-file.ts";

/** The keys under which torch.onnx.export notes, by dynamo, what values are and come from. */
const SIGNATURE = "pkg.torch.export.ExportedProgram.graph_signature";
const KIND = "pkg.torch.export.graph_signature.InputSpec.kind";
const FOLDED_FROM = "pkg.onnxscript.optimizer.folded_from";

const byFile = new WeakMap<ModelFile, ReadonlyMap<string, readonly string[]>>();

/**
 * Returns the parameters of the PyTorch module that a constant is, or that the export computed it
 * from. None if it is a buffer or comes from numbers of the code. Null if the exporter has not
 * noted it.
 */
export const notedParameters = (file: ModelFile, constant: string): readonly string[] | null =>
  entry(byFile, file, () => read(file)).get(constant) ?? null;

function read(file: ModelFile): ReadonlyMap<string, readonly string[]> {
  const signature = entriesIn(file, file.graph, FIELD.graphMetadata).get(SIGNATURE) ?? "";
  const parameters = new Set(
    [...signature.matchAll(/: PARAMETER target='([^']+)'/g)].map(([, name]) => name),
  );
  if (parameters.size === 0) return new Map();
  return new Map(
    file.graph.valueInfos.flatMap((info): [string, string[]][] => {
      const metadata = entriesIn(file, info, FIELD.infoMetadata);
      const [kind, folded] = [metadata.get(KIND), metadata.get(FOLDED_FROM)];
      if (kind !== undefined) return [[info.name, kind === "PARAMETER" ? [info.name] : []]];
      if (folded === undefined) return [];
      const names = [...folded.matchAll(/'([^']+)'/g)].map(([, name]) => name);
      return [[info.name, names.filter((name) => parameters.has(name))]];
    }),
  );
}
