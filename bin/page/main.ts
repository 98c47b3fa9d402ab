import { choiceView } from "./choice-view.ts";
import { byId, downloadLink, draw, list, make, replaceFiles, say, show } from "./dom.ts";
import { Engine } from "./engine.ts";
import { modelView } from "./model-view.ts";
import type { OpenedModel } from "./model-work.ts";
import type { Rewritten } from "./proof-result.ts";
import { tuningView } from "./tuning-view.ts";

const engine = new Engine();
let opened: OpenedModel | null = null;

const choice = choiceView(engine, {
  onChange: () => {
    hideResult();
    if (!opened?.isLaurelized) tuning.close();
  },
  onResult: (result) => {
    showResult(result);
    if (opened && result.passed) tuning.open(opened);
  },
});
const tuning = tuningView(engine, choice.chosen);

modelView(engine, {
  onClose: () => {
    opened = null;
    hideResult();
    tuning.close();
    show("choice", false);
  },
  onOpen: (model) => {
    opened = model;
    if (model.isLaurelized) tuning.open(model);
    else if (model.obstacle === null) {
      choice.open(model);
      show("choice", true);
    }
  },
});

if ("serviceWorker" in navigator)
  navigator.serviceWorker.register("./offline.js").then(
    async () => {
      await navigator.serviceWorker.ready;
      say("offline", "The page is stored on this machine now, and works offline.");
    },
    () => {},
  );

function showResult({ summary, proof, warnings, file, difference }: Rewritten): void {
  say("result-summary", summary);
  byId("proof").replaceChildren(...proof.map(lineOf));
  list("result-warnings", warnings);
  replaceFiles("result-files", file ? [downloadLink(file, `Download ${file.name}`)] : []);
  draw("difference", difference);
  show("result", true);
  byId("result-title").focus({ preventScroll: true });
  byId("result").scrollIntoView({ block: "nearest" });
}

/** Hides a result that is out of date. */
function hideResult(): void {
  show("result", false);
  replaceFiles("result-files", []);
}

const SPOKEN = { passed: "passed: ", failed: "failed: ", "not run": "" } as const;

const lineOf = ({ outcome, name, text, details }: Rewritten["proof"][number]) =>
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
