import { readTensors, writeTensors } from "../passes/internal.ts";
import { type OpenedStep, openStep } from "../src/index.ts";
import type { ArgumentsFor } from "./commands/command.ts";
import type { stepWorker } from "./commands/step-worker.ts";
import { ort } from "./runtime.ts";

/**
 * Answers requests on stdin, one after the other, on stdout. A request and an answer are a
 * .safetensors file after its length, a little-endian 64-bit integer; the request's metadata names
 * an operation. Ends with stdin.
 */
export async function runStepWorker({
  step: folder,
  weights,
  threads,
}: ArgumentsFor<typeof stepWorker>) {
  const step = await openStep(folder, { ort, threads, ...(weights ? { weights } : {}) });
  for await (const request of frames(process.stdin)) {
    const answer = await answered(step, request);
    const length = new Uint8Array(new BigUint64Array([BigInt(answer.length)]).buffer);
    process.stdout.write(length);
    process.stdout.write(answer);
  }
  await step.close();
}

async function answered(step: OpenedStep, request: Uint8Array): Promise<Uint8Array> {
  const { tensors, metadata } = readTensors(ort, request, "the request");
  const operation = metadata.get("op");
  if (operation === "load") step.load(request);
  else if (operation === "gradients" || operation === "eval") {
    const run = operation === "eval" ? step.evaluate : step.gradients;
    return writeTensors({ vector: await run(tensors) });
  } else if (operation === "update") {
    const [lr, number, momentum] = ["lr", "step", "momentum"].map((name) =>
      Number(metadata.get(name)),
    );
    const vector = tensors.vector.data as Float32Array;
    return writeTensors({ norm: Float32Array.of(await step.update(vector, lr, number, momentum)) });
  } else if (operation === "state") return writeTensors(step.state());
  return writeTensors({});
}

async function* frames(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let chunks: Uint8Array[] = [];
  let held = 0;
  let wanted: number | null = null;
  for await (const chunk of stream) {
    chunks.push(chunk);
    held += chunk.length;
    while (held >= (wanted ?? 8)) {
      const joined = Buffer.concat(chunks);
      const used: number = wanted ?? 8;
      if (wanted === null) wanted = Number(joined.readBigUInt64LE(0));
      else {
        yield new Uint8Array(joined.subarray(0, used));
        wanted = null;
      }
      chunks = [joined.subarray(used)];
      held = joined.length - used;
    }
  }
}
