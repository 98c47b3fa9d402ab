// Required into every Node process that is measured: leaves its peak memory, in KB, in a file.
const fs = require("node:fs");
process.on("exit", () =>
  fs.writeFileSync(process.env.PEAK_FILE, String(process.resourceUsage().maxRSS)),
);
