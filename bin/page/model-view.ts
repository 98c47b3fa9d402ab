import { bytes, counted } from "../../passes/internal.ts";
import { tried } from "../../src/errors.ts";
import type { OptionalKind } from "../../src/index.ts";
import { byId, draw, list, make, say, show } from "./dom.ts";
import { CancelledError, type Engine } from "./engine.ts";
import type { SearchChoice } from "./messages.ts";
import type { OpenedModel } from "./model-work.ts";
import { showProgress } from "./progress-view.ts";

interface ModelEvents {
  /** Another model is chosen, so everything shown of the former one is out of date. */
  readonly onClose: () => void;
  readonly onOpen: (model: OpenedModel) => void;
}

/** Lets the user choose a model, and shows its ladder. */
export function modelView(engine: Engine, events: ModelEvents): void {
  say("limit", bytes(LIMIT));
  const choose = (files: () => Promise<readonly File[]>) => {
    byId<HTMLFormElement>("search-form").reset();
    return openChosen(engine, events, files, false);
  };
  byId<HTMLFormElement>("search-form").onsubmit = (event) => {
    event.preventDefault();
    void openChosen(engine, events, async () => openFiles, true);
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
  if (model)
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

/** Opens a model, or the same again with another search: if that fails, the search can be corrected. */
async function openChosen(
  engine: Engine,
  { onClose, onOpen }: ModelEvents,
  files: () => Promise<readonly File[]>,
  isAgain: boolean,
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
    const opened = await engine.open([given, searchChoice()], progress.take);
    if (turn !== latest) return;
    showModel(opened);
    onOpen(opened);
  } catch (error) {
    if (turn !== latest || error instanceof CancelledError) return;
    say("model-error", (error as Error).message);
    show("model-shown", isAgain);
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

/** The most that a model and its data may have: onnxruntime has 4 GB here, and needs it several times. */
const LIMIT = 1e9;

/** Puts the model first among dropped files. Throws one sentence if there is no model, or several. */
function modelFirst(files: readonly File[]): File[] {
  const models = files.filter(({ name }) => /\.onnx$/i.test(name));
  if (files.length > 1 && models.length === 0)
    throw new Error(`none of these ${files.length} files is an .onnx model; add the model.`);
  if (models.length > 1)
    throw new Error(
      `${models.map(({ name }) => name).join(" and ")} are ${models.length} models; give one of them, with its data files.`,
    );
  const [model] = models.length === 1 ? models : files;
  const total = files.reduce((sum, { size }) => sum + size, 0);
  checkFileSize(model.name, total);
  return [model, ...files.filter((file) => file !== model)];
}

/** Throws one sentence if a model is too large, before any of it is read. */
function checkFileSize(name: string, size: number): void {
  if (size <= LIMIT) return;
  throw new Error(
    `${name} has ${bytes(size)} with its data, and this page takes up to ${bytes(LIMIT)}; use the command line: npx laurelize ${name}`,
  );
}

/** Fetches a file of this site. Throws one sentence if it is elsewhere, missing or too large. */
async function fetched(address: string): Promise<File> {
  const url = URL.canParse(address, location.href) ? new URL(address, location.href) : null;
  if (!url) throw new Error(`?model= takes the address of a file, and got ${address}; correct it.`);
  if (url.origin !== location.origin)
    throw new Error(
      `?model= takes a file of this site, ${location.origin}, and got one of ${url.origin}; download it and drop it here.`,
    );
  const response = await fetch(url, { mode: "same-origin" }).catch(() => null);
  const named = url.pathname.split("/").at(-1) || "model";
  const name = tried(() => decodeURIComponent(named)) ?? named;
  if (!response?.ok)
    throw new Error(
      `${name} could not be fetched (${response ? response.status : "no answer"}); check the address.`,
    );
  const declared = Number(response.headers.get("content-length"));
  if (declared > LIMIT) await response.body?.cancel();
  checkFileSize(name, declared);
  return new File([await limited(response, name)], name);
}

/** The body of a response, as long as it is not too large. */
async function limited(response: Response, name: string): Promise<Blob> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = response.body!.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.length;
    if (size > LIMIT) await reader.cancel();
    checkFileSize(name, size);
    parts.push(part.value as Uint8Array<ArrayBuffer>);
  }
  return new Blob(parts);
}
