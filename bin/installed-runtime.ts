import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { tried } from "../src/errors.ts";

/** Returns the version and the folder of the installed onnxruntime-node; null if there is none. */
export const installedRuntime = () =>
  tried(() => {
    const file = createRequire(import.meta.url).resolve("onnxruntime-node/package.json");
    const { version } = JSON.parse(fs.readFileSync(file, "utf8")) as { version: string };
    return { version, folder: path.dirname(file) };
  });
