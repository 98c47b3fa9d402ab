import { parentPort, workerData } from "node:worker_threads";
import { runCommand } from "../../dist/bin/commands/index.js";
import { printFailure } from "../../dist/bin/failure.js";
import { main } from "../../dist/bin/main.js";
import { ort } from "../../dist/bin/runtime.js";

// Runs built command lines one after another in this thread: what `supervise` does in a child
// process happens here. Each is answered with its exit code and what it printed. Sessions have one
// thread: further ones, waiting for work, would cost more than small models.

const { get } = Object.getOwnPropertyDescriptor(ort, "sessionOptions");
Object.defineProperty(ort, "sessionOptions", {
  get: () => ({ intraOpNumThreads: 1, ...get() }),
});

const said = { stdout: "", stderr: "" };
for (const name of ["stdout", "stderr"])
  process[name].write = (text) => {
    said[name] += text;
    return true;
  };

const start = async (command, args) => {
  try {
    await runCommand(command, args);
  } catch (error) {
    printFailure(error);
  }
};

parentPort.on("message", async ({ words, cwd }) => {
  process.cwd = () => cwd;
  [said.stdout, said.stderr] = ["", ""];
  process.exitCode = undefined;
  let broken = null;
  await main(words, start).catch((error) => {
    broken = String(error.stack);
  });
  workerData.answers.postMessage({ code: Number(process.exitCode ?? 0), ...said, broken });
  process.exitCode = undefined;
  const done = new Int32Array(workerData.done);
  Atomics.store(done, 0, 1);
  Atomics.notify(done, 0);
});
