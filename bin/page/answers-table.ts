import { byId, make } from "./dom.ts";
import type { Answers, SampleAnswer } from "./messages.ts";
import { inkCanvas } from "./pad.ts";

/** Returns the table of what the model answers before and after. */
export function answersTable(): { set(answers: Answers): void } {
  const known: Partial<Record<Answers["when"], readonly SampleAnswer[]>> = {};
  byId("answers").replaceChildren();
  return {
    set({ when, samples }) {
      known[when] = samples;
      byId("answers").replaceChildren(
        ...samples.map((sample, k) => {
          const picture = sample.ink ? inkCanvas(sample.ink, `Sample ${k + 1}`) : `${k + 1}`;
          return make(
            "tr",
            {},
            make("th", { scope: "row" }, picture),
            make("td", {}, sample.expected),
            cellOf(known.before?.[k]),
            cellOf(known.after?.[k]),
          );
        }),
      );
    },
  };
}

function cellOf(sample: SampleAnswer | undefined): HTMLTableCellElement {
  if (!sample) return make("td", {}, "…");
  const { answer, isRight } = sample;
  if (isRight === null) return make("td", {}, answer);
  const spoken = make("span", { className: "spoken" }, isRight ? " (right)" : " (wrong)");
  return make("td", { className: isRight ? "right" : "wrong" }, answer, spoken);
}
