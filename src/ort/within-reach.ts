import { patchedBytes } from "../graph/patch.ts";
import { externalLocations } from "../onnx/all-tensors.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import type { Source } from "../onnx/source.ts";

/**
 * A model and a folder in which onnxruntime finds all of its data, which follows no link out of
 * the folder it is given: where a link leads out, as in Hugging Face's cache, that is the nearest
 * folder that holds everything, and the model names the files as they lie from there.
 */
export function withinReach(file: ModelFile): { source: Source; folder: string | undefined } {
  const { source, folder } = file;
  if (!folder?.path) return { source, folder: undefined };
  const places = new Map(
    [...externalLocations(file)].map((location) => {
      const data = folder.open(location);
      data.close?.();
      return [location, (data.path ?? "").split(SEPARATOR)] as const;
    }),
  );
  const home = folder.path.split(SEPARATOR);
  const top = [...places.values()].reduce(shared, home);
  if (top.length === home.length) return { source, folder: folder.path };
  const rename = (location: string) => places.get(location)!.slice(top.length).join("/");
  return { source: patchedBytes(file, { locations: rename }), folder: `${top.join("/")}/` };
}

const SEPARATOR = /[/\\]/;

/** The beginning that two paths have in common. */
function shared(a: readonly string[], b: readonly string[]): string[] {
  const length = a.findIndex((part, k) => part !== b[k]);
  return a.slice(0, length < 0 ? a.length : length);
}
