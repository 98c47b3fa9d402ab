// Required into every Node process that is measured: leaves the peak memory of the largest, in KB,
// in a file. The command line works in a child of its own.
const fs = require("node:fs");
process.on("exit", () => {
  const file = process.env.PEAK_FILE;
  const before = fs.existsSync(file) ? Number(fs.readFileSync(file, "utf8")) : 0;
  fs.writeFileSync(file, String(Math.max(before, peak())));
});

/** Linux's getrusage counts what the process had before it became this program: its parent's size. */
function peak() {
  if (process.platform !== "linux") return process.resourceUsage().maxRSS;
  return Number(/^VmHWM:\s+(\d+)/m.exec(fs.readFileSync("/proc/self/status", "utf8"))[1]);
}
