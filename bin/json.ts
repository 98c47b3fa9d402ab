import { printedLines } from "./print.ts";

/** How a command answers: in text, as one JSON document, or as JSON documents of a line each. */
export type Answer = "text" | "json" | "json-lines";

interface AnswerState {
  answer: Answer;
  collected: ((document: object) => void) | null;
}

const KEY = Symbol.for("laurelize.answer");

const shared = globalThis as { [KEY]?: AnswerState };
shared[KEY] ??= { answer: "text", collected: null };

/** One for the process, whichever bundle asks. */
const state = shared[KEY];

/** Sets how the command answers; `collected` takes its documents instead of stdout. */
export function answerAs(answer: Answer, collected: AnswerState["collected"] = null): void {
  state.answer = answer;
  state.collected = collected;
}

/** Whether documents are collected instead of printed. */
export const isCollecting = (): boolean => state.collected !== null;

/** Returns the words of a command line that stand before "--", which only files follow. */
export const wordsBeforeFiles = (words: readonly string[]): readonly string[] =>
  words.includes("--") ? words.slice(0, words.indexOf("--")) : words;

/** Returns how a command line asks to be answered. */
export function answerOf(words: readonly string[]): Answer {
  const options = wordsBeforeFiles(words);
  const asks = (name: string) => options.includes(name) || options.includes(`${name}=true`);
  if (asks("--json-lines") || asks("--jsonLines")) return "json-lines";
  return asks("--json") ? "json" : "text";
}

/** Encodes a value as a JSON file. */
export const jsonFile = (value: object): Uint8Array =>
  new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);

/** Prints the one document of a command with --json, or its last line with --json-lines. */
export function printJson(document: object): void {
  if (state.collected) state.collected(document);
  else
    process.stdout.write(
      `${JSON.stringify(document, null, state.answer === "json-lines" ? 0 : 2)}\n`,
    );
}

interface Answering {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly report?: string | undefined;
}

/** Prints a command's result: its document with --json, otherwise lines, and nothing with --quiet. */
export function printResult(
  { json, quiet }: Answering,
  document: object,
  lines: readonly string[],
): void {
  if (json) printJson(document);
  else if (!quiet) process.stdout.write(printedLines(lines));
}

/** Returns the line for a report, below others; none if none is written. */
export const reportLine = ({ report }: Pick<Answering, "report">, ...above: string[]): string[] =>
  report === undefined ? [] : [...above, `wrote ${report}`];

/** Prints an event of a command with --json-lines. */
export function printEvent(event: object): void {
  if (state.answer === "json-lines") process.stdout.write(`${JSON.stringify(event)}\n`);
}

interface JsonError {
  /** "usage", "input", "no-site", "crash", …: for programs. */
  readonly code: string;
  /** A sentence for people. */
  readonly message: string;
  readonly exitCode: number;
}

/** Prints why a command failed if it answers in JSON. */
export function printJsonError(error: JsonError): void {
  if (state.answer !== "text") printJson({ error });
}
