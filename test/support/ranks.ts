import { spawn, spawnSync } from "node:child_process";
import path from "node:path";
import { judgePython } from "./judge.ts";

const script = path.join(import.meta.dirname, "../../dist/bin/distributed/train.py");
const bin = path.join(import.meta.dirname, "../../dist/bin/laurelize.js");

/** What a training on several ranks has printed, and its exit code. */
interface RanRanks {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Engines whose absence is a fault under CI: their packages are small. */
const REQUIRED: readonly string[] = ["numpy", "mpi4py"];

/** The Python that has some modules; null, said aloud, if there is none. */
export function pythonWith(...modules: readonly string[]): string | null {
  const python = judgePython();
  if (!python) return null;
  const missing = modules.filter(
    (name) => spawnSync(python, ["-c", `import ${name}`]).status !== 0,
  );
  const missed = missing.filter((name) => REQUIRED.includes(name));
  if (process.env.CI === "true" && missed.length > 0)
    throw new Error(`CI's Python needs ${missed.join(" and ")}`);
  if (missing.length === 0) return python;
  console.warn(`skipped: ${python} has no ${missing.join(" and no ")}`);
  return null;
}

/** Python with MPI; null, said aloud, outside CI where there is none. */
export function pythonWithMpi(): string | null {
  if (spawnSync("mpirun", ["--version"]).error) {
    if (process.env.CI === "true") throw new Error("CI needs Debian's openmpi-bin");
    console.warn("skipped: there is no mpirun (Debian's openmpi-bin)");
    return null;
  }
  return pythonWith("numpy", "onnxruntime", "mpi4py");
}

/** What lets Open MPI run as root, with more ranks than cores. */
export const rankEnvironment = {
  ...process.env,
  ORT_DISABLE_TELEMETRY: "1",
  OMPI_ALLOW_RUN_AS_ROOT: "1",
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
  OMPI_MCA_rmaps_base_oversubscribe: "1",
  OMPI_MCA_btl_vader_single_copy_mechanism: "none",
};

/** How ranks are started: the engine's own command line before train.py. */
export const launched = {
  alone: (python: string) => [python],
  mpi: (python: string, ranks: number) => ["mpirun", "-n", String(ranks), python],
  torch: (python: string, ranks: number) => [
    ...[python, "-m", "torch.distributed.run", "--nproc-per-node", String(ranks)],
    ...["--master-port", String(29_500 + (process.pid % 1000))],
  ],
} as const;

/** Runs train.py; `onStderr` hears what it prints as it comes, and its process id. */
export function trained(
  [command, ...words]: readonly string[],
  args: readonly string[],
  onStderr: (text: string, pid: number) => void = () => {},
): Promise<RanRanks> {
  const engine = command === "mpirun" ? ["--engine", "mpi"] : [];
  const laurelize = `"${process.execPath}" "${bin}"`;
  const child = spawn(
    command,
    [...words, script, ...engine, ...args, "--threads", "1", "--laurelize", laurelize],
    { env: rankEnvironment },
  );
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text: Buffer) => {
    stdout += text;
  });
  child.stderr.on("data", (text: Buffer) => {
    stderr += text;
    onStderr(stderr, child.pid!);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}
