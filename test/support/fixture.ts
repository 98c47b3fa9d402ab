import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, onTestFinished, TestRunner } from "vitest";
import { modelOfText } from "./onnx-text.ts";
import { TEST_FOLDER } from "./run-folder.ts";

const fixturesFolder = path.join(import.meta.dirname, "../../fixtures");

/** The folder names of all fixtures. */
export const fixtureNames = (): string[] =>
  fs
    .readdirSync(fixturesFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

/** A fixture's text by its folder name. */
export const textOf = (name: string): string =>
  fs.readFileSync(path.join(import.meta.dirname, "../../fixtures", name, "model.txt"), "utf8");

/** A fixture's model by its folder name. */
export const fixture = (name: string): Uint8Array => modelOfText(textOf(name));

/** A folder that goes when the test or its file is done, or at the latest with the run's folder. */
export function temporaryFolder(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), TEST_FOLDER));
  const after = TestRunner.getCurrentTest() ? onTestFinished : afterAll;
  after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Functions that make folders in such a folder, and write models into them. */
export function temporaryFolders() {
  const scratch = temporaryFolder();
  const newFolder = () => fs.mkdtempSync(path.join(scratch, "f-"));
  const place = (bytes: Uint8Array | string, name = "model.onnx"): string => {
    const file = path.join(newFolder(), name);
    fs.writeFileSync(file, bytes);
    return file;
  };
  return { newFolder, place };
}

/** The corpus of real exporters' models; null, said aloud, where LAURELIZE_CORPUS is not set. */
export function corpus(): string | null {
  const folder = process.env.LAURELIZE_CORPUS;
  if (!folder)
    console.warn("skipped: LAURELIZE_CORPUS is not set, so there is no corpus to test on");
  return folder ?? null;
}
