import fs from "node:fs";
import path from "node:path";
import type { Option } from "../../src/options.ts";
import { stepNames, steps } from "./steps.ts";

const YIELDS = `declare module "laurelize:import" {
  /** The URL of the model. */
  const model: string;
  export default model;
  /** Its data files: \`InferenceSession.create(model, { externalData: data })\`. */
  export const data: { path: string; data: string }[];
  /**
   * The URLs of onnxruntime-web's files, for \`ort.env.wasm.wasmPaths\`; undefined unless the plugin's
   * option \`wasm\` names an entry of onnxruntime-web.
   */
  export const wasmPaths: { mjs: string; wasm: string } | undefined;
}`;

/** Numbers that an import may end with. */
const NUMBERS = [...Array(65).keys(), 96, 128, 192, 256, 384, 512, 768, 1024];

/**
 * The ends of import paths that have types. TypeScript allows one asterisk, so what follows it is
 * written out: each option by name, with each of its choices or the usual numbers.
 */
function ends(): string[] {
  const ofSteps = stepNames.flatMap((name) => {
    const { value, options } = steps[name];
    const values = value === null ? [] : (options[value].choices ?? []);
    const own = [name, ...values.map((end) => `${name}=${end}`)];
    return own.flatMap((end) => [`.onnx?${end}`, `&${end}`]);
  });
  const ofOptions = stepNames.flatMap((step) =>
    Object.entries(steps[step].options).flatMap(([name, option]) =>
      valuesOf(option).map((value) => `&${name}${value}`),
    ),
  );
  return [...new Set([...ofSteps, ...ofOptions, ".safetensors", ".onnx_adapter"])];
}

function valuesOf({ type, choices }: Option): string[] {
  if (choices) return choices.map((choice) => `=${choice}`);
  if (type === "boolean") return ["", "=true", "=false"];
  return type === "number" ? NUMBERS.map((each) => `=${each}`) : [];
}

const modules = ends().map(
  (end) =>
    `declare module ${JSON.stringify(`*${end}`)} {\n  export { default, data, wasmPaths } from "laurelize:import";\n}`,
);
fs.writeFileSync(
  path.join(import.meta.dirname, "client.d.ts"),
  `${[YIELDS, ...modules].join("\n\n")}\n`,
);
