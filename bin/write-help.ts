import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { commands } from "./commands/index.ts";

// Part of the build: writes the help texts that `helpText` reads, as the parser lays them out.

const here = import.meta.dirname;
const run = promisify(execFile);

const names = Object.keys(commands).map((name) => (name === "laurelize" ? "" : name));
const texts = await Promise.all(
  names.map(async (name) => {
    const words = [path.join(here, "laurelize.js"), name, "--help"].filter(Boolean);
    return [name, (await run(process.execPath, words)).stdout];
  }),
);
fs.writeFileSync(path.join(here, "help.json"), JSON.stringify(Object.fromEntries(texts)));
