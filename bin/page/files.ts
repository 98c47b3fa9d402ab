import { bytes } from "../text.ts";

/** The most that a model and its data may have: onnxruntime has 4 GB here, and needs it several times. */
export const LIMIT = 1e9;

/** Puts the model first among dropped files. Throws one sentence if there is no model, or several. */
export function modelFirst(files: readonly File[]): File[] {
  const models = files.filter(({ name }) => /\.onnx$/i.test(name));
  if (files.length > 1 && models.length === 0)
    throw new Error(`none of these ${files.length} files is an .onnx model; add the model.`);
  if (models.length > 1)
    throw new Error(
      `${models.map(({ name }) => name).join(" and ")} are ${models.length} models; give one of them, with its data files.`,
    );
  const [model] = models.length === 1 ? models : files;
  const ordered = [model, ...files.filter((file) => file !== model)];
  checkFileSize(
    model.name,
    ordered.reduce((sum, { size }) => sum + size, 0),
  );
  return ordered;
}

/** Throws one sentence if a model is too large, before any of it is read. */
function checkFileSize(name: string, size: number): void {
  if (size <= LIMIT) return;
  throw new Error(
    `${name} has ${bytes(size)} with its data, and this page takes up to ${bytes(LIMIT)}; use the command line: npx laurelize ${name}`,
  );
}

/** Fetches a file of this site. Throws one sentence if it is elsewhere, missing or too large. */
export async function fetched(address: string): Promise<File> {
  const url = new URL(address, location.href);
  if (url.origin !== location.origin)
    throw new Error(
      `?model= takes a file of this site, ${location.origin}, and got one of ${url.origin}; download it and drop it here.`,
    );
  const response = await fetch(url, { mode: "same-origin" }).catch(() => null);
  const name = decodeURIComponent(url.pathname.split("/").at(-1) || "model");
  if (!response?.ok)
    throw new Error(
      `${name} could not be fetched (${response ? response.status : "no answer"}); check the address.`,
    );
  const declared = Number(response.headers.get("content-length"));
  if (declared > LIMIT) await response.body?.cancel();
  checkFileSize(name, declared);
  return new File([await limited(response, name)], name);
}

/** The body of a response, as long as it is not too large. */
async function limited(response: Response, name: string): Promise<Blob> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = response.body!.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.length;
    if (size > LIMIT) await reader.cancel();
    checkFileSize(name, size);
    parts.push(part.value as Uint8Array<ArrayBuffer>);
  }
  return new Blob(parts);
}
