import { type ChildProcess, fork } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import type { Request } from "./child.ts";
import { DIED, type Verdict } from "./examine.ts";
import { type Limits, watch } from "./watch.ts";

/** A process that does cases one after the other, and is replaced when it dies. */
interface Workshop {
  /** Does a request; a process that dies over it is a finding. */
  take(request: Request, limits: Limits): Promise<Verdict>;
  close(): void;
}

/** Cases after which a process is replaced, lest one case be blamed for the memory of others. */
const SHIFT = 200;

/** Starts processes of `script` as they are needed. */
export function workshop(script: string): Workshop {
  let child: ChildProcess | null = null;
  let done = 0;
  const close = () => {
    child?.removeAllListeners();
    child?.kill("SIGKILL");
    child = null;
    done = 0;
  };
  return {
    close,
    take: (request, limits) =>
      new Promise((resolve) => {
        if (done++ >= SHIFT) close();
        child ??= fork(script, { stdio: ["ignore", "ignore", "pipe", "ipc"] });
        let said = "";
        let why: string | null = null;
        child.stderr?.removeAllListeners("data").on("data", (chunk) => {
          said = (said + chunk).slice(-4000);
        });
        const unwatch = watch(child, limits, (reason) => {
          why = reason;
        });
        child.removeAllListeners("message").once("message", (verdict: Verdict) => {
          unwatch();
          child?.removeAllListeners("exit");
          resolve(verdict);
        });
        child.removeAllListeners("exit").once("exit", (code, signal) => {
          unwatch();
          child = null;
          done = 0;
          const finding = why ?? `dies: ${signal ?? `exit code ${code}`}`;
          resolve({ outcome: DIED, finding, detail: `in ${phaseIn(request.folder)} ${said}` });
        });
        child.send(request);
      }),
  };
}

const phaseIn = (folder: string) => {
  const file = path.join(folder, "phase");
  return fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "making the case";
};
