import { inserting } from "../../passes/laurelize/insert-options.ts";
import { type VariantName, variantNames } from "../../src/index.ts";
import { addedText } from "../text.ts";
import { byId, draw, make, say, show } from "./dom.ts";
import { CancelledError, type Engine } from "./engine.ts";
import type { InsertChoice } from "./messages.ts";
import type { OpenedModel } from "./model-work.ts";
import { showProgress } from "./progress-view.ts";
import type { Rewritten } from "./proof-result.ts";

/** What each variant computes, as in the README. */
const FORMULAS: Readonly<Record<VariantName, string>> = {
  rw: "y = α f + β x",
  lr: "y = f + x + (x A) B",
  pa: "y = f + x + Σ γ_j x_(i−j)",
  "rw+lr": "y = α f + β (x + (x A) B)",
  "rw+pa": "y = α f + β (x + Σ γ_j x_(i−j))",
  "lr+pa": "y = f + x + Σ γ_j (x_(i−j) A_j) B_j",
  "rw+lr+pa": "y = α f + β (x + Σ γ_j (x_(i−j) A_j) B_j)",
};

/** Options with a number, which some variants have. */
const NUMBERS = ["rank", "lags"] as const;

interface ChoiceEvents {
  /** The choice changed, so an earlier result is out of date. */
  readonly onChange: () => void;
  readonly onResult: (result: Rewritten) => void;
}

/** Lets the user choose variant, rank and sites, and rewrites the model. */
export function choiceView(engine: Engine, events: ChoiceEvents) {
  const form = byId<HTMLFormElement>("choice-form");
  byId("variant").append(...variantNames.map((name) => make("option", { value: name }, name)));
  for (const name of NUMBERS) say(`${name}-about`, inserting[name].describe ?? "");
  reset();
  const changed = () => {
    events.onChange();
    showOptions();
    void count(engine);
  };
  form.oninput = ({ target }) => {
    if (target === byId("site-filter")) filterSites();
    else changed();
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    void rewrite(engine, events);
  };
  const checkAll = (isOn: boolean) => {
    for (const box of boxes()) if (!box.parentElement!.hidden) box.checked = isOn;
    changed();
  };
  byId("all-sites").onclick = () => checkAll(true);
  byId("no-sites").onclick = () => checkAll(false);
  return {
    chosen,
    open({ sites }: OpenedModel) {
      byId("sites").replaceChildren(...sites.map(siteLabel));
      reset();
      showOptions();
      say("rewrite-error", "");
      void count(engine);
    },
  };
}

function siteLabel({ name, about }: OpenedModel["sites"][number]): HTMLElement {
  const box = make("input", { type: "checkbox", value: name, checked: true });
  return make("label", {}, box, make("span", {}, `${name} `, make("small", {}, about)));
}

const boxes = () => [...byId("sites").querySelectorAll<HTMLInputElement>("input")];

/** Shows the sites whose names contain the filter's text; the buttons are for those. */
function filterSites(): void {
  const text = inputOf("site-filter").value.trim();
  for (const box of boxes()) box.parentElement!.hidden = !box.value.includes(text);
}

const inputOf = (id: string) => byId<HTMLInputElement>(id);
const variantNow = () => byId<HTMLSelectElement>("variant").value as VariantName;

function reset(): void {
  inputOf("site-filter").value = "";
  byId<HTMLSelectElement>("variant").value = inserting.variant.default;
  for (const name of NUMBERS) inputOf(name).value = String(inserting[name].default);
}

/** Whether an option has an effect with the chosen variant. */
const counts = (name: (typeof NUMBERS)[number]) =>
  (inserting[name].idle?.({ variant: variantNow() }) ?? null) === null;

function chosen(): InsertChoice {
  const value = (name: (typeof NUMBERS)[number]) =>
    counts(name) ? inputOf(name).valueAsNumber : undefined;
  const sites = boxes().flatMap((box) => (box.checked ? [box.value] : []));
  return { variant: variantNow(), rank: value("rank"), lags: value("lags"), sites };
}

function showOptions(): void {
  for (const name of NUMBERS) show(`${name}-field`, counts(name));
  say("formula", FORMULAS[variantNow()]);
  const { sites } = chosen();
  say("site-count", `${sites.length} of ${boxes().length}`);
  byId<HTMLButtonElement>("rewrite").disabled = sites.length === 0;
}

let counting = 0;

async function count(engine: Engine): Promise<void> {
  const turn = ++counting;
  try {
    const { added, percent, ladder } = await engine.call("count", [chosen()]);
    if (turn !== counting) return;
    draw("model-ladder", ladder);
    say("added", addedText(added, percent));
    say("choice-error", "");
  } catch (error) {
    if (turn !== counting || error instanceof CancelledError) return;
    say("added", "");
    say("choice-error", (error as Error).message);
  }
}

async function rewrite(engine: Engine, { onChange, onResult }: ChoiceEvents): Promise<void> {
  onChange();
  say("rewrite-error", "");
  const choice = chosen();
  const form = byId("choice-form");
  const progress = showProgress("rewrite-running", "rewriting", {
    text: "Cancel",
    onClick: () => engine.cancel(),
  });
  form.inert = true;
  try {
    onResult(await engine.call("rewrite", [choice], progress.take));
  } catch (error) {
    say(
      "rewrite-error",
      error instanceof CancelledError ? "Cancelled; nothing is written." : (error as Error).message,
    );
  } finally {
    form.inert = false;
    progress.end();
  }
}
