import fs from "node:fs";
import os from "node:os";
import path from "node:path";

/** How the names of folders start that tests make. */
export const TEST_FOLDER = "test-";
/** How the names of folders start that PyTorch leaves behind: torchelastic, torchinductor. */
const TORCH = "torch";

/**
 * Gives a run of the tests a temporary folder of its own and removes it at the end. The run fails
 * if it then holds anything but the tests' folders and PyTorch's: laurelize left it there.
 */
export default function setup(): () => void {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "laurelize-tests-"));
  for (const name of ["TMPDIR", "TMP", "TEMP"]) process.env[name] = folder;
  return () => {
    const isOthers = (name: string) => name.startsWith(TEST_FOLDER) || name.startsWith(TORCH);
    const left = fs.readdirSync(folder).filter((name) => !isOthers(name));
    fs.rmSync(folder, { recursive: true, force: true });
    if (left.length === 0) return;
    process.exitCode = 1;
    console.error(`laurelize left files in the temporary folder: ${left.join(", ")}`);
  };
}
