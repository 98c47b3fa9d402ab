import type { OptionalKind } from "../../src/index.ts";
import { bytes, counted } from "../text.ts";
import { byId, draw, list, make, say, show } from "./dom.ts";
import { CancelledError, type Engine } from "./engine.ts";
import { fetched, LIMIT, modelFirst } from "./files.ts";
import type { OpenedModel, SearchChoice } from "./messages.ts";
import { showProgress } from "./progress-view.ts";

/** What comes of a chosen model. */
interface ModelEvents {
  /** Another model is chosen; nothing of the former one counts any more. */
  readonly onClose: () => void;
  readonly onOpen: (model: OpenedModel) => void;
}

/** Lets the user choose a model, and shows its ladder. */
export function modelView(engine: Engine, events: ModelEvents): void {
  say("limit", bytes(LIMIT));
  const choose = (files: () => Promise<readonly File[]>) => {
    byId<HTMLFormElement>("search-form").reset();
    return openChosen(engine, events, files);
  };
  byId<HTMLFormElement>("search-form").onsubmit = (event) => {
    event.preventDefault();
    void openChosen(engine, events, async () => openFiles);
  };
  const input = byId<HTMLInputElement>("files");
  input.onchange = () => {
    const files = [...(input.files ?? [])];
    input.value = "";
    if (files.length > 0) choose(async () => files);
  };
  byId("bundled").onclick = () => choose(async () => [await fetched("./direction.onnx")]);
  takeDrops(choose);
  const asked = new URLSearchParams(location.search);
  const model = asked.get("model");
  if (model !== null)
    choose(async () => {
      const files: File[] = [];
      for (const address of [model, ...asked.getAll("data")]) files.push(await fetched(address));
      return files;
    });
}

let latest = 0;
/** The files of the opened model, the model first. */
let openFiles: readonly File[] = [];

function searchChoice(): SearchChoice {
  const boxes = document.querySelectorAll<HTMLInputElement>('input[name="also"]:checked');
  const also = [...boxes].map(({ value }) => value as OptionalKind);
  return { also, featureAxis: byId<HTMLInputElement>("feature-axis").value.trim() };
}

async function openChosen(
  engine: Engine,
  { onClose, onOpen }: ModelEvents,
  files: () => Promise<readonly File[]>,
): Promise<void> {
  const turn = ++latest;
  onClose();
  show("model-shown", false);
  say("model-error", "");
  const progress = showProgress("model-running", "reading the model", {
    text: "Cancel",
    onClick: () => {
      latest++;
      engine.cancel();
      progress.end();
    },
  });
  try {
    const given = modelFirst(await files());
    if (turn !== latest) return;
    openFiles = given;
    const opened = await engine.open([given, searchChoice()], (report) => {
      if ("progress" in report) progress.set(report.progress, report.step);
    });
    if (turn !== latest) return;
    showModel(opened);
    onOpen(opened);
  } catch (error) {
    if (turn === latest && !(error instanceof CancelledError))
      say("model-error", (error as Error).message);
  } finally {
    if (turn === latest) progress.end();
  }
}

function showModel(model: OpenedModel): void {
  const { headline, sums, warnings, ladder, others, obstacle, isLaurelized } = model;
  say("model-headline", headline);
  say("model-sums", isLaurelized ? `${sums}. It is laurelized already and can be trained.` : sums);
  list("model-warnings", warnings);
  draw("model-ladder", ladder);
  show("model-figure", ladder !== "");
  say("model-error", obstacle ?? "");
  show("model-others", others.length > 0);
  byId("model-others").querySelector("summary")!.textContent =
    `${counted(others.length, "other sum")}, and why ${others.length === 1 ? "it is not a site" : "they are not sites"}`;
  const rows = others.map(({ name, op, reason }) =>
    make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, op), make("td", {}, reason)),
  );
  byId("model-others")
    .querySelector("tbody")!
    .replaceChildren(...rows);
  show("model-shown", true);
  byId("model-headline").focus({ preventScroll: true });
}

function takeDrops(choose: (files: () => Promise<readonly File[]>) => void): void {
  const place = byId("drop");
  addEventListener("dragover", (event) => {
    event.preventDefault();
    place.classList.add("over");
  });
  addEventListener("dragleave", () => place.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    place.classList.remove("over");
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length > 0) choose(async () => files);
  });
}
