import { withoutDomain } from "../../src/graph/operators.ts";
import { ADVANCE } from "../ladder/layout.ts";
import { at, element, label, shortened, titled } from "../ladder/svg-text.ts";
import { graphLayout, type PlacedBox, type PlacedGraph } from "./graph-layout.ts";
import type { DrawnNode, DrawnWeight, Neighborhood } from "./neighborhood.ts";

const [FONT, SMALL] = [12, 10];
/** Characters of an operator or port, and of a line of weights. */
const [LONGEST, WEIGHTS] = [26, 30];

/** A drawing and its size. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Draws it with its left upper corner at a point. */
  readonly draw: (x: number, y: number) => string;
}

/** Lays out a neighborhood. */
export function drawnGraph({ nodes, edges }: Neighborhood): Picture {
  const boxes = nodes.map((node) => ({ node, ...sizeOf(node) }));
  const once = new Map(edges.map((edge) => [`${edge.from} ${edge.to}`, edge]));
  const placed = graphLayout(boxes, [...once.values()]);
  const { width, height } = placed;
  return {
    width,
    height,
    draw: (x, y) =>
      element("g", { transform: `translate(${at(x)} ${at(y)})` }, graphMarkup(nodes, placed)),
  };
}

function graphMarkup(nodes: readonly DrawnNode[], { lines, boxes }: PlacedGraph): string {
  const drawn = lines.map(({ edge, points }) => {
    const marks = [nodes[edge.from].mark, nodes[edge.to].mark];
    const mark = marks.find((each) => each === "added" || each === "removed") ?? "";
    const attributes = { class: `line ${mark}`.trim(), d: curve(points) };
    const width = { "stroke-width": mark ? 1.6 : 1.2 };
    return element("path", { ...attributes, ...width }, titled([edge.value]));
  });
  return [...drawn, ...nodes.map((node, k) => nodeMarkup(node, boxes[k]))].join("");
}

/** Returns a smooth path through points from the top down. */
function curve(points: readonly (readonly [number, number])[]): string {
  const [[x, y], ...others] = points;
  let [x0, y0] = [x, y];
  const parts = others.map(([x1, y1]) => {
    const middle = (y0 + y1) / 2;
    const part = `C${at(x0)},${at(middle)} ${at(x1)},${at(middle)} ${at(x1)},${at(y1)}`;
    [x0, y0] = [x1, y1];
    return part;
  });
  return `M${at(x)},${at(y)}${parts.join("")}`;
}

/** The text of a weight in its node: "A 64×16". */
function weightText({ name, shape }: DrawnWeight): string {
  const role = name.slice(Math.max(name.lastIndexOf("."), name.lastIndexOf("/")) + 1) || name;
  return shape && shape.length > 0
    ? `${shortened(role, 12)} ${shape.join("×")}`
    : shortened(role, 12);
}

function weightsLine(weights: readonly DrawnWeight[]): string {
  const texts = weights.map(weightText);
  const joined = texts.join(", ");
  if (joined.length <= WEIGHTS) return joined;
  return texts.length > 1 && texts[0].length <= WEIGHTS - 4
    ? `${texts[0]}, … ${texts.length}`
    : shortened(joined, WEIGHTS);
}

/** The weights that a node shows: all of one that differs, of others those that differ. */
const shownWeights = ({ mark, weights }: DrawnNode) =>
  mark === "same" ? weights.filter((weight) => weight.mark !== "same") : weights;

const heading = ({ kind, op, name }: DrawnNode) =>
  shortened(kind === "node" ? withoutDomain(op) : name, LONGEST);

function sizeOf(node: DrawnNode): Pick<PlacedBox, "width" | "height"> {
  const text = heading(node).length * FONT * ADVANCE;
  const shown = shownWeights(node);
  const weights = weightsLine(shown).length * SMALL * ADVANCE;
  const height = shown.length > 0 ? 38 : 24;
  return { width: Math.max(44, Math.max(text, weights) + 18), height };
}

function nodeMarkup(node: DrawnNode, { x, y, width, height }: PlacedBox): string {
  const { kind, mark } = node;
  const weights = shownWeights(node);
  const hasWeights = weights.length > 0;
  const middle = { "text-anchor": "middle" };
  const marked = weights.find((weight) => weight.mark !== "same")?.mark ?? "muted";
  return element(
    "g",
    { class: "node", "data-mark": mark, "data-name": node.name },
    [
      titled(details(node)),
      element("rect", {
        class: `box ${mark}`,
        x: x - width / 2,
        y: y - height / 2,
        width,
        height,
        rx: kind === "node" ? 5 : 12,
      }),
      label(heading(node), x, hasWeights ? y - 3 : y + 4, {
        ...middle,
        "font-size": FONT,
        class: kind === "node" ? "strong" : "muted",
      }),
      hasWeights
        ? label(weightsLine(weights), x, y + 12, { ...middle, "font-size": SMALL, class: marked })
        : "",
    ].join(""),
  );
}

/** What of a node a title says. */
function details({ kind, name, op, scope, mark, changes, weights }: DrawnNode): string[] {
  if (kind !== "node") return [`${kind} ${name}`];
  const how = mark === "same" ? [] : [[mark, ...changes].join(", ")];
  const inside = scope === "main" ? [] : [`in ${scope}`];
  const read = weights.map(
    (weight) =>
      `${weight.name} ${weight.dtype ?? ""} [${weight.shape?.join(", ") ?? ""}]${weight.mark === "same" ? "" : `, ${weight.mark}`}`,
  );
  return [`${op} ${name}`, ...inside, ...how, ...read];
}
