type CurvePoint = readonly [step: number, loss: number];

/** What a training has reported so far. */
export interface LossCurve {
  readonly train: CurvePoint[];
  readonly held: CurvePoint[];
  /** Number of all steps; null if it is not known. */
  of: number | null;
}

const [HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [220, 44, 28, 10, 12];

/**
 * Draws the loss over the steps as an SVG of a width in pixels: a line in training, points on the
 * evaluation data.
 */
export function curveDrawing({ train, held, of }: LossCurve, width: number): string {
  const all = [...train, ...held];
  if (all.length === 0) return "";
  const last = Math.max(of ?? 0, 1, ...all.map(([step]) => step));
  const top = niceCeiling(Math.max(...all.map(([, loss]) => loss)));
  const x = (step: number) => LEFT + ((width - LEFT - RIGHT) * step) / last;
  const y = (loss: number) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - loss / top);
  const line = (points: readonly CurvePoint[]) =>
    points.map(([step, loss]) => `${x(step).toFixed(1)},${y(loss).toFixed(1)}`).join(" ");
  const marks = [0, 0.5, 1].map((share) => {
    const at = y(share * top).toFixed(1);
    return `<line x1="${LEFT}" x2="${width - RIGHT}" y1="${at}" y2="${at}" class="grid"/><text x="${LEFT - 6}" y="${at}" class="left">${Number((share * top).toPrecision(3))}</text>`;
  });
  const steps = [0, last].map(
    (step) =>
      `<text x="${x(step)}" y="${HEIGHT - 8}" class="${step === 0 ? "" : "end"}">${step === 0 ? "0" : `${step} steps`}</text>`,
  );
  const dots = held.map(
    ([step, loss]) => `<circle cx="${x(step).toFixed(1)}" cy="${y(loss).toFixed(1)}" r="4"/>`,
  );
  return `<svg viewBox="0 0 ${width} ${HEIGHT}" aria-hidden="true">${marks.join("")}${steps.join("")}<polyline points="${line(train)}" class="train"/><polyline points="${line(held)}" class="held"/>${dots.join("")}</svg>`;
}

/** Returns the curve in words. */
export function curveWords({ train, held }: LossCurve): string {
  const last = train.at(-1);
  const evaluated = held.at(-1);
  const parts = [
    last ? `in training ${last[1].toPrecision(3)} at step ${last[0]} (line)` : "",
    evaluated ? `on examples not trained on ${evaluated[1].toPrecision(3)} (points)` : "",
  ];
  return `Loss: ${parts.filter(Boolean).join(", ")}`;
}

/** The next of 1, 2, 5, 10, … from a value on. */
function niceCeiling(value: number): number {
  if (!(value > 0) || !Number.isFinite(value)) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return unit * [1, 2, 5, 10].find((factor) => factor * unit >= value)!;
}
