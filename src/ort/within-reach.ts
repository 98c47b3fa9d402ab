import { patchedBytes } from "../graph/patch.ts";
import { externalLocations } from "../onnx/all-tensors.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import type { Source } from "../onnx/source.ts";

/**
 * Returns a model and a folder that contains all of its data, because onnxruntime does not follow
 * links out of the folder it is given. If links point outside, as in Hugging Face's cache, this is the
 * nearest common folder, and the model names its files relative to it.
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

/** Returns the common prefix of two paths. */
function shared(a: readonly string[], b: readonly string[]): string[] {
  const length = a.findIndex((part, k) => part !== b[k]);
  return a.slice(0, length < 0 ? a.length : length);
}
