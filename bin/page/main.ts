import { choiceView } from "./choice-view.ts";
import { say, show } from "./dom.ts";
import { Engine } from "./engine.ts";
import type { OpenedModel } from "./messages.ts";
import { modelView } from "./model-view.ts";
import { hideResult, showResult } from "./result-view.ts";
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
