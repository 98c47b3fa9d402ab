import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { tried } from "../src/errors.ts";
import { UsageError } from "./failure.ts";

const FILES = ["ts", "mts", "js", "mjs", "json"].map((ending) => `laurelize.config.${ending}`);
const PACKAGE = "package.json";
const KEY = "laurelize";
/** Bytes that a configuration has at most. */
const LONGEST = 1 << 24;

/** What a configuration file holds, unchecked, and how messages name it. */
export interface LoadedConfig {
  readonly name: string;
  readonly content: unknown;
}

/**
 * Loads the configuration of a folder: one of its `laurelize.config.*`, or the key `laurelize` of its
 * package.json. Looks nowhere else. Throws a UsageError if there is none, or more than one.
 */
export async function loadConfig(folder: string): Promise<LoadedConfig> {
  const files = FILES.filter((name) => isFile(path.join(folder, name)));
  const inPackage = packageKey(folder);
  const names = [...files, ...(inPackage === undefined ? [] : [`the key ${KEY} of ${PACKAGE}`])];
  if (names.length === 0)
    throw new UsageError(
      `--recipe needs a laurelize.config.ts (.mts, .js, .mjs, .json) in ${folder}, or a key ${KEY} in its ${PACKAGE}.`,
    );
  if (names.length > 1)
    throw new UsageError(`${names.join(" and ")} both configure laurelize in ${folder}; keep one.`);
  const [name] = names;
  if (files.length === 0) return { name, content: inPackage };
  const file = path.join(folder, name);
  const load = name.endsWith(".json") ? parsed : imported;
  try {
    return { name, content: await load(file) };
  } catch (error) {
    const [line] = (error as Error).message.split("\n");
    throw new UsageError(`${name} cannot be loaded: ${line}`);
  }
}

const parsed = async (file: string): Promise<unknown> =>
  JSON.parse(fs.readFileSync(file, "utf8").replace(/^\uFEFF/, ""));

/** Runs a configuration file; `laurelize/config` in it is this package's, installed there or not. */
async function imported(file: string): Promise<unknown> {
  const { createJiti } = await import("jiti");
  const alias = { "laurelize/config": path.join(import.meta.dirname, "config.js") };
  const jiti = createJiti(pathToFileURL(file).href, { fsCache: false, alias });
  return jiti.import(file, { default: true });
}

/** Whether there is a file that may hold options: no pipe, which might be waited for, and no data. */
function isFile(file: string): boolean {
  if (!fs.existsSync(file)) return false;
  const stat = fs.statSync(file);
  return stat.isFile() && stat.size <= LONGEST;
}

function packageKey(folder: string): unknown {
  const file = path.join(folder, PACKAGE);
  const content = isFile(file) ? tried(() => JSON.parse(fs.readFileSync(file, "utf8"))) : null;
  return content?.[KEY];
}
