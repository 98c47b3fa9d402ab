import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";
import { heldBy, isTooMuch, watchMemory } from "../bin/memory-watch.ts";

it.each([
  [8e9, 16e9, false],
  [15.4e9, 16e9, false],
  [15.6e9, 16e9, true],
  [18e9, 16e9, true],
  [0.94e9, 1e9, false],
  [0.96e9, 1e9, true],
])("a child that holds %d of %d bytes takes too much: %s", (held, free, tooMuch) => {
  expect(isTooMuch(held, free)).toBe(tooMuch);
});

it.skipIf(process.platform !== "linux")("a child that grows is ended, and no other", async () => {
  const grows = "const all = []; setInterval(() => all.push(Buffer.alloc(10e6, 1)), 10)";
  const [large, small] = [grows, "setInterval(() => {}, 1000)"].map((code) =>
    spawn(process.execPath, ["-e", code], { stdio: "ignore" }),
  );
  const held: number[] = [];
  const watches = [large, small].map((child) => watchMemory(child, 300e6, (n) => held.push(n)));
  try {
    const [, signal] = await once(large, "exit");
    expect(signal).toBe("SIGKILL");
    expect(held).toHaveLength(1);
    expect(held[0]).toBeGreaterThan(285e6);
    expect(heldBy(small.pid!)).toBeGreaterThan(1e6);
  } finally {
    for (const watch of watches) watch.stop();
    for (const child of [large, small]) child.kill("SIGKILL");
  }
});
