import { byId, make } from "./dom.ts";
import type { WorkReport } from "./messages.ts";

/**
 * Shows progress at a place of the page, with a button that ends the work. The button has the focus
 * meanwhile, because the one that began the work is disabled.
 */
export function showProgress(
  id: string,
  label: string,
  end: { readonly text: string; readonly onClick: () => void },
) {
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
    /** Sets the share that is done, from 0 to 1, and what is being done. */
    set,
    /** Shows what a report says of it, if it does. */
    take: (report: WorkReport) => "progress" in report && set(report.progress, report.step),
    /** Removes it. */
    end() {
      const wasFocused = document.activeElement === button;
      place.hidden = true;
      place.replaceChildren();
      if (wasFocused) before?.focus({ preventScroll: true });
    },
  };
}

/** Progress that is shown until it ends. */
export type ProgressView = ReturnType<typeof showProgress>;
