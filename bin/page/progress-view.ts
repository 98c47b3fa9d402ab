import { byId, make } from "./dom.ts";
import type { WorkReport } from "./messages.ts";

/** Shows how far something is, and a button that ends it. */
export interface ProgressView {
  /** Sets the share that is done, from 0 to 1, and what is being done. */
  set(done: number, step: string): void;
  /** Shows what a report says of it, if it does. */
  take(report: WorkReport): void;
  /** Takes it away. */
  end(): void;
}

/**
 * Begins to show progress at a place of the page. The keyboard is at its button meanwhile, as the
 * button that began the work is disabled, and returns when the work ends.
 */
export function showProgress(
  id: string,
  label: string,
  end: { readonly text: string; readonly onClick: () => void },
): ProgressView {
  const place = byId(id);
  const bar = make("progress", { max: 1, value: 0, ariaLabel: label });
  const status = make("p", { role: "status" }, label);
  const button = make("button", { type: "button", onclick: end.onClick }, end.text);
  place.replaceChildren(bar, button, status);
  place.hidden = false;
  const before = document.activeElement as HTMLElement | null;
  button.focus({ preventScroll: true });
  const set = (done: number, step: string) => {
    bar.value = done;
    if (step !== status.textContent) status.textContent = step;
  };
  return {
    set,
    take: (report) => "progress" in report && set(report.progress, report.step),
    end() {
      const wasFocused = document.activeElement === button;
      place.hidden = true;
      place.replaceChildren();
      if (wasFocused) before?.focus({ preventScroll: true });
    },
  };
}
