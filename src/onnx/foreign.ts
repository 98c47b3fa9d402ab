import { textOfCodes } from "./bytes.ts";
import type { Source } from "./source.ts";

/** The first bytes of a format, what the format is, and what to do about it. */
type Format = readonly [begins: RegExp | readonly string[], what: string];

/** Formats of files that are not models, by their first bytes, one character each. */
const UNDER_WAY: readonly Format[] = [
  [
    /^version https:\/\/git-lfs/,
    "a Git LFS pointer, not the file itself; fetch the file with git lfs pull",
  ],
  [
    /^(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)?<(?:!doctype html|html|head|body)\b/is,
    "an HTML page, as failed downloads leave behind; download the file itself",
  ],
  [["\x1f\x8b"], "compressed with gzip; unpack it with gunzip"],
  [/^BZh[1-9]/, "compressed with bzip2; unpack it with bunzip2"],
  [["\xfd7zXZ\0"], "compressed with xz; unpack it with unxz"],
  [["\x28\xb5\x2f\xfd"], "compressed with zstd; unpack it with unzstd"],
  [["7z\xbc\xaf\x27\x1c"], "a 7z archive; unpack it"],
];

/** Formats that are mistaken for ONNX; no ONNX model begins with their first bytes. */
const NO_ONNX: readonly Format[] = [
  [/^PK.{28}[\w/ .-]*\.pkl/s, "a PyTorch file; export the model with torch.onnx.export"],
  [/^PK.{28}[\w/ .-]*\.npy/s, "an .npz of arrays; give the .onnx file"],
  [
    ["PK\x03\x04", "PK\x05\x06", "PK\x07\x08"],
    "a zip archive; unpack it, or export its content to ONNX",
  ],
  [
    ["\x80\x02", "\x80\x03", "\x80\x04", "\x80\x05"],
    "a Python pickle, as PyTorch saves it; export the model to ONNX",
  ],
  [/^GGUF/, "a GGUF file; give the .onnx file"],
  [["\x89HDF\r\n\x1a\n"], "an HDF5 file, as Keras saves it; export the model to ONNX"],
  [
    /^.{4}ORTM/s,
    "in ORT format, which does not contain an ONNX graph; give the .onnx file that it was made from",
  ],
  [/^.{4}TFL3/s, "a TensorFlow Lite model; convert it to ONNX"],
  [/^.{5}\0{3}\{\s*"/s, "a .safetensors file, which holds only weights; give the .onnx file"],
  [/^(?:\xef\xbb\xbf)?\s*<\?xml/, "an XML file; give the .onnx file"],
  [/^(?:\xef\xbb\xbf)?\s*\{\s*"/, "a JSON file; give the .onnx file"],
];

const BEGINNING = 256;

/**
 * Returns what a file of another format is and what to do about it; null if its first bytes are not
 * known. Only a model is checked against other kinds of models.
 */
export function foreignFormat(source: Source, expected: "model" | "data"): string | null {
  const bytes = source.read(0, Math.min(BEGINNING, source.size));
  const text = textOfCodes(bytes);
  const formats = expected === "model" ? [...UNDER_WAY, ...NO_ONNX] : UNDER_WAY;
  return (
    formats.find(([begins]) =>
      begins instanceof RegExp
        ? begins.test(text)
        : begins.some((beginning) => text.startsWith(beginning)),
    )?.[1] ?? null
  );
}
