import type { Run } from "./measure.ts";

/** Prints a title and figures in columns. */
export const line = (title: string, ...cells: string[]) =>
  console.log(title.padEnd(36) + cells.map((cell) => cell.padStart(11)).join(""));

/** Prints what a run took beside what it is held against; peaks of Node also over Node's own. */
export function row(title: string, { seconds, peak, failed }: Run, ratio: string, node: Run) {
  const whole = (figure: number) => (Number.isNaN(figure) ? "" : figure.toFixed(0));
  if (failed) line(title, failed);
  else line(title, seconds.toFixed(2), ratio, whole(peak), whole(peak - node.peak));
}

/** Prints whether a figure is within its limit; the process fails where it is not. */
export function goal(title: string, figure: number, limit: number, unit: string): void {
  const met = figure <= limit;
  console.log(
    `${met ? "met   " : "MISSED"} ${title}: ${figure.toFixed(2)}${unit}, at most ${limit}${unit}`,
  );
  if (!met) process.exitCode = 1;
}
