import fs from "node:fs";
import path from "node:path";
import { saveBytes } from "../passes/internal.ts";
import type { ArgumentsFor } from "./commands/command.ts";
import type { trainScript } from "./commands/train-script.ts";
import { checkFree } from "./output.ts";

/** The script as it ships, beside the built command line. */
const SCRIPT = path.join(import.meta.dirname, "distributed/train.py");

/** Writes the script. */
export async function runTrainScript({ output, force, quiet }: ArgumentsFor<typeof trainScript>) {
  const file = output ?? "train.py";
  checkFree(file, [SCRIPT], force);
  saveBytes(fs.readFileSync(SCRIPT), file);
  if (!quiet) process.stdout.write(`wrote ${file}\n`);
}
