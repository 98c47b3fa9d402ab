/**
 * onnxruntime's errors have no codes, only messages. This file alone reads them; what it does not
 * recognize counts as an unknown error.
 */

/** Returns the first line of onnxruntime's message, without its codes and source positions. */
export function reason(error: unknown): string {
  return withoutCodes(error)
    .split("\n")[0]
    .replace(/\/onnxruntime_src\/.* was false\. (?=\S)/, "")
    .replace(POSITION, "")
    .slice(0, 300);
}

/** Returns onnxruntime's whole message, without its codes and source positions. */
export function wholeReason(error: unknown): string {
  return withoutCodes(error)
    .replace(/^Can't create a session\. /, "")
    .replace(/(?<=failed:)(?=\S)/, " ")
    .replace(POSITION, "")
    .trim()
    .replace(/[.;\s]+$/, "");
}

const POSITION = /\/onnxruntime_src\/\S+:\d+ .*?\) (?:const )?(?=[A-Z])/s;

const withoutCodes = (error: unknown) =>
  String((error as Error)?.message ?? error)
    .replace(/^Error: /, "")
    .replace(/\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : /, "");

const says = (pattern: RegExp) => (error: unknown) => pattern.test(String(error));

/** Whether onnxruntime has no kernel for an operator or a type of a valid model. */
export const lacksKernel = says(
  /Could not find an implementation|not a registered function\/op|Type 'tensor\(bfloat16\)'/,
);

/** Whether a kernel lacks something on this machine, such as a locale. */
export const lacksResource = says(/Exception during initialization/);

/** Whether onnxruntime inserted a cast into half precision with the wrong type (1.30). */
export const mistypesCast = says(/Type Error.*InsertedPrecisionFreeCast_/s);

/** Whether onnxruntime-web cannot read a path, or was not given a data file. */
export const readsNoFiles = says(
  /Module\.MountedFiles|Failed to load external data file|Failed to parse URL/,
);

/** Whether its optimizer left a node without an input: constant folding of an If in an If (1.30). */
export const lostInput = says(/Missing Input: /);

/** Whether memory ran out. */
export const ranOutOfMemory = (error: unknown) => /alloc|memory/i.test(reason(error));

/** Returns the operator and the name of the node that failed; null if the message names none. */
export function failedNode(error: unknown): { op: string; name: string } | null {
  const [, op, name] = /running (\S+) node\. Name:'([^']*)'/.exec(reason(error)) ?? [];
  return op === undefined ? null : { op, name };
}

/** Largest size that an index may ask for: scores grow with its square. */
const LONGEST = 1024;

/**
 * Returns the sizes that a message names, as in "12 by 8": a size that the trace of an exporter
 * fixed is among them. An index out of bounds asks for one more than itself.
 */
export function namedSizes(error: unknown): number[] {
  const text = reason(error);
  const index = /\bidx=(\d+)/.exec(text);
  if (index) return [Number(index[1]) + 1].filter((size) => size <= LONGEST);
  return (text.match(/(?<![\w.:/-])\d{1,4}(?![\w.])/g) ?? []).map(Number).filter((n) => n > 1);
}
