import { byId, downloadLink, draw, list, make, replaceFiles, say, show } from "./dom.ts";
import type { ProofLine, Rewritten } from "./messages.ts";

/** Shows a laurelized model: its proof, what changed, and the file. */
export function showResult({ summary, proof, warnings, file, difference }: Rewritten): void {
  say("result-summary", summary);
  byId("proof").replaceChildren(...proof.map(lineOf));
  list("result-warnings", warnings);
  replaceFiles("result-files", file ? [downloadLink(file, `Download ${file.name}`)] : []);
  draw("difference", difference);
  show("result", true);
  byId("result-title").focus({ preventScroll: true });
  byId("result").scrollIntoView({ block: "nearest" });
}

/** Takes a result away that does not count any more. */
export function hideResult(): void {
  show("result", false);
  replaceFiles("result-files", []);
}

const SPOKEN = { passed: "passed: ", failed: "failed: ", "not run": "" } as const;

const lineOf = ({ outcome, name, text, details }: ProofLine) =>
  make(
    "div",
    { className: outcome.replace(" ", "-") },
    make("dt", {}, name),
    make(
      "dd",
      {},
      make("span", { className: "spoken" }, SPOKEN[outcome]),
      text,
      ...details.map((detail) => make("p", {}, detail)),
    ),
  );
