import { fitting } from "../../passes/finetune/fit-options.ts";
import { type LossName, losses } from "../../src/index.ts";
import type { SampleAnswer } from "./answers.ts";
import { curveDrawing, curveWords, type LossCurve } from "./curve.ts";
import { byId, downloadLink, draw, list, make, replaceFiles, say, show } from "./dom.ts";
import { CancelledError, type Engine } from "./engine.ts";
import type { Answers, Examples, InsertChoice, WorkReport } from "./messages.ts";
import type { OpenedModel } from "./model-work.ts";
import { drawingPad, inkCanvas } from "./pad.ts";
import { type ProgressView, showProgress } from "./progress-view.ts";
import type { Tuned } from "./tuning.ts";

/** Defaults for the classifier of strips; other models have those of the command line. */
const STRIPS = { epochs: 4, lr: 0.006 } as const;

/** Lets the user choose examples, and trains. */
export function tuningView(engine: Engine, chosen: () => InsertChoice) {
  const drawings = drawingPad(() => say("tuning-error", ""));
  byId("loss").append(...losses.map(({ name }) => make("option", { value: name }, name)));
  for (const choice of [...radios(), byId("loss")]) choice.onchange = showExamples;
  byId<HTMLInputElement>("train-data").onchange = () => void listTargets(engine);
  byId<HTMLFormElement>("tuning-form").onsubmit = (event) => {
    event.preventDefault();
    void tune(engine, drawings, chosen());
  };
  return {
    open({ readsStrips }: OpenedModel) {
      for (const label of document.querySelectorAll<HTMLElement>(".strips-only"))
        label.hidden = !readsStrips;
      for (const radio of radios())
        radio.checked = radio.value === (readsStrips ? "digits" : "npz");
      byId<HTMLInputElement>("train-data").value = "";
      byId<HTMLInputElement>("held-data").value = "";
      byId("target").replaceChildren();
      showExamples();
      clearShown();
      show("tuning", true);
    },
    close() {
      show("tuning", false);
      clearShown();
    },
  };
}

const radios = () => [
  ...document.querySelectorAll<HTMLInputElement>('#tuning-form input[name="from"]'),
];
const from = () => radios().find(({ checked }) => checked)?.value as Examples["from"];
const numberIn = (id: string) => byId<HTMLInputElement>(id).valueAsNumber;
const fileIn = (id: string) => byId<HTMLInputElement>(id).files?.[0] ?? null;

function showExamples(): void {
  const now = from();
  show("drawn", now === "drawn");
  show("npz", now === "npz");
  show("target-field", byId<HTMLSelectElement>("loss").value !== "distillation");
  const { epochs, lr } =
    now === "npz" ? { epochs: fitting.epochs.default, lr: fitting.lr.default } : STRIPS;
  byId<HTMLInputElement>("epochs").value = String(epochs);
  byId<HTMLInputElement>("lr").value = String(lr);
  say("tuning-error", "");
}

function clearShown(): void {
  show("tuning-shown", false);
  say("tuning-error", "");
  replaceFiles("tuned-files", []);
}

/** Offers the arrays of the training data that are not inputs. */
async function listTargets(engine: Engine): Promise<void> {
  const file = fileIn("train-data");
  if (!file) return;
  try {
    const names = await engine.call("targets", [file]);
    byId("target").replaceChildren(...names.map((name) => make("option", { value: name }, name)));
    say("tuning-error", "");
  } catch (error) {
    byId("target").replaceChildren();
    say("tuning-error", (error as Error).message);
  }
}

function examples(inks: readonly Float32Array[]): Examples {
  const now = from();
  if (now === "digits") return { from: "digits" };
  if (now === "drawn") {
    if (inks.length === 0) throw new Error("there is no drawing yet; draw one and keep it.");
    return { from: "drawn", inks };
  }
  const train = fileIn("train-data");
  if (!train) throw new Error("there is no training data yet; choose an .npz.");
  const loss = byId<HTMLSelectElement>("loss").value as LossName;
  const target = byId<HTMLSelectElement>("target").value;
  const batchSize = numberIn("batch-size");
  return {
    from: "npz",
    train,
    held: fileIn("held-data"),
    loss,
    target: loss === "distillation" || target === "" ? undefined : target,
    batchSize: Number.isNaN(batchSize) ? undefined : batchSize,
  };
}

async function tune(engine: Engine, inks: readonly Float32Array[], choice: InsertChoice) {
  clearShown();
  const forms = ["choice-form", "tuning-form"].map((id) => byId(id));
  let progress: ProgressView | null = null;
  try {
    const tuning = { examples: examples(inks), epochs: numberIn("epochs"), lr: numberIn("lr") };
    progress = showProgress("tune-running", "preparing", {
      text: "Stop and keep the best",
      onClick: () => void engine.call("stop", []),
    });
    for (const form of forms) form.inert = true;
    const { onReport, end } = watching(progress);
    const result = await engine.call("tune", [tuning, choice], onReport);
    end();
    showTuned(result);
  } catch (error) {
    if (!(error instanceof CancelledError)) say("tuning-error", (error as Error).message);
  } finally {
    for (const form of forms) form.inert = false;
    progress?.end();
  }
}

/** Shows what a training reports; `end` draws its curve as long as it became. */
function watching(progress: ProgressView) {
  const curve: LossCurve = { train: [], held: [], of: null };
  const showAnswers = answersTable();
  say("tuned-summary", "");
  list("tuned-notes", []);
  show("answers-shown", false);
  show("tuned-figure", false);
  draw("curve", "");
  const redraw = () => {
    draw("curve", curveDrawing(curve, Math.max(280, byId("curve").clientWidth)));
    say("curve-caption", curveWords(curve));
  };
  const end = () => {
    curve.of = null;
    redraw();
  };
  const onReport = (report: WorkReport) => {
    progress.take(report);
    if ("evaluated" in report) {
      curve.held.push([report.evaluated, report.loss]);
      curve.held.sort(([a], [b]) => a - b);
      redraw();
    } else if ("loss" in report) {
      const { step, loss, of } = report;
      curve.train.push([step, loss]);
      curve.of = of;
      progress.set(of ? step / of : 0, "training");
      show("tuning-shown", true);
      redraw();
    }
    if ("ladder" in report) {
      draw("tuned-ladder", report.ladder);
      show("tuned-figure", true);
    }
    if ("answers" in report) {
      showAnswers(report.answers);
      show("answers-shown", true);
      show("tuning-shown", true);
    }
  };
  return { onReport, end };
}

function showTuned({ summary, notes, ladder, model, adapter }: Tuned): void {
  draw("tuned-ladder", ladder);
  show("tuned-figure", true);
  say("tuned-summary", summary);
  list("tuned-notes", notes);
  replaceFiles("tuned-files", [
    downloadLink(model, `Download ${model.name}`),
    downloadLink(adapter, `Download ${adapter.name}`),
  ]);
  byId("tuned-summary").focus({ preventScroll: true });
}

/** Empties the table of what the model answers before and after. Returns what fills it. */
function answersTable(): (answers: Answers) => void {
  const known: Partial<Record<Answers["when"], readonly SampleAnswer[]>> = {};
  byId("answers").replaceChildren();
  return ({ when, samples }) => {
    known[when] = samples;
    const rows = samples.map(({ ink, expected }, k) => {
      const picture = ink ? inkCanvas(ink, `Sample ${k + 1}`) : `${k + 1}`;
      const head = make("th", { scope: "row" }, picture);
      const cells = [known.before, known.after].map((answers) => cellOf(answers?.[k]));
      return make("tr", {}, head, make("td", {}, expected), ...cells);
    });
    byId("answers").replaceChildren(...rows);
  };
}

function cellOf(sample: SampleAnswer | undefined): HTMLTableCellElement {
  if (!sample) return make("td", {}, "…");
  const { answer, isRight } = sample;
  if (isRight === null) return make("td", {}, answer);
  const spoken = make("span", { className: "spoken" }, isRight ? " (right)" : " (wrong)");
  return make("td", { className: isRight ? "right" : "wrong" }, answer, spoken);
}
