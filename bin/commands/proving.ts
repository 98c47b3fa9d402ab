/** How far a result of `laurelize` is proved. */
export const proving = {
  prove: {
    choices: ["full", "sites", "none"],
    default: "full",
    coerce: (given: string | boolean) => (given === false ? "none" : given),
    describe:
      "prove the result in onnxruntime, in full or site by site; --no-prove skips the proof",
  },
  "all-sites": {
    type: "boolean",
    default: false,
    describe:
      "check every site, also if there are more than 200; by default a seeded sample is checked then",
  },
  "also-web": {
    type: "boolean",
    default: false,
    describe: "repeat the same-function check in onnxruntime-web",
  },
} as const;

/** Whether LAuReL may be added twice. */
export const again = {
  again: {
    type: "boolean",
    default: false,
    describe: "add to a model that is laurelized already",
  },
} as const;
