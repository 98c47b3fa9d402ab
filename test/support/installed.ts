import fs from "node:fs";
import path from "node:path";
import { linkPackages } from "./web-project.ts";

const root = path.join(import.meta.dirname, "../..");
const manifest = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));

/** What npm installs beside the package. */
export const DEPENDENCIES: readonly string[] = [
  ...Object.keys(manifest.dependencies),
  ...Object.keys(manifest.optionalDependencies),
];

/**
 * Installs the built package, without its types and source maps, and its dependencies into a new
 * folder, where nothing else is found. Returns the program's file.
 */
export function installed(folder: string): string {
  fs.mkdirSync(folder);
  linkPackages(folder, DEPENDENCIES);
  const own = path.join(folder, "node_modules/laurelize");
  for (const part of ["dist/src", "dist/passes", "dist/bin"])
    fs.cpSync(path.join(root, part), path.join(own, part), { recursive: true, filter });
  fs.copyFileSync(path.join(root, "package.json"), path.join(own, "package.json"));
  return path.join(own, "dist/bin/laurelize.js");
}

const filter = (file: string) => !/\.(d\.ts|map)$/.test(file);
