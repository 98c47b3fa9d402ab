import { groupBy } from "../../src/entry.ts";
import type { DrawnEdge } from "./neighborhood.ts";

/** A box of a drawn graph: its size, then the position of its center. */
export interface PlacedBox {
  readonly width: number;
  readonly height: number;
  readonly x: number;
  readonly y: number;
}

/** Distances between boxes of one layer, between layers, and the width that a passing line takes. */
const [GAP, LAYER_GAP, PASSING] = [18, 26, 10];
/** Rounds in which boxes move towards those that they are linked with. */
const SWEEPS = 6;

/** A box, or a point where a line passes a layer. */
interface Item {
  readonly width: number;
  readonly height: number;
  layer: number;
  x: number;
  readonly above: Item[];
  readonly below: Item[];
}

const itemOf = ({ width, height }: Pick<PlacedBox, "width" | "height">, layer: number): Item => ({
  width,
  height,
  layer,
  x: 0,
  above: [],
  below: [],
});

/**
 * Lays out a small graph in layers from the top down: every line leads downward, as far down as its
 * reader allows. Boxes come close to those that they are linked with.
 */
export function graphLayout(
  sizes: readonly Pick<PlacedBox, "width" | "height">[],
  edges: readonly DrawnEdge[],
) {
  const items = sizes.map((size) => itemOf(size, 0));
  const down = edges.filter(({ from, to }) => from !== to);
  setLayers(items, down);
  const routes = down.map((edge) => route(items[edge.from], items[edge.to], edge));
  const layers = layered([...items, ...routes.flatMap(({ passed }) => passed)]);
  for (let sweep = 0; sweep < SWEEPS; sweep++)
    for (const layer of sweep % 2 === 0 ? layers : [...layers].reverse())
      arrange(layer, sweep % 2 === 0 ? "above" : "below");
  const boxes = layers.flat();
  const left = Math.min(...boxes.map(({ x, width }) => x - width / 2));
  const right = Math.max(...boxes.map(({ x, width }) => x + width / 2));
  const tops: number[] = [];
  let bottom = 0;
  for (const layer of layers) {
    const height = Math.max(...layer.map((item) => item.height));
    tops.push(bottom + height / 2);
    bottom += height + LAYER_GAP;
  }
  const at = (item: Item) => [item.x - left, tops[item.layer]] as const;
  return {
    boxes: items.map((item): PlacedBox => {
      const [x, y] = at(item);
      return { width: item.width, height: item.height, x, y };
    }),
    /** Lines, with the points that each passes from the top down. */
    lines: routes.map(({ edge, from, to, passed }) => {
      const [[x1, y1], [x2, y2]] = [at(from), at(to)];
      const [start, end] = [y1 + from.height / 2, y2 - to.height / 2];
      const points: readonly (readonly [x: number, y: number])[] = [
        [x1, start],
        ...passed.map(at),
        [x2, end],
      ];
      return { edge, points };
    }),
    width: right - left,
    height: Math.max(0, bottom - LAYER_GAP),
  };
}

/** Where everything of a small graph is. */
export type PlacedGraph = ReturnType<typeof graphLayout>;

/** Gives each box the lowest layer above all boxes that read from it. */
function setLayers(items: readonly Item[], edges: readonly DrawnEdge[]): void {
  for (let moved = true, rounds = items.length; moved && rounds > 0; rounds--) {
    moved = false;
    for (const { from, to } of edges)
      if (items[from].layer <= items[to].layer) {
        items[from].layer = items[to].layer + 1;
        moved = true;
      }
  }
  const highest = Math.max(0, ...items.map(({ layer }) => layer));
  for (const item of items) item.layer = highest - item.layer;
}

/** Links two boxes by a line that passes the layers between them. */
function route(from: Item, to: Item, edge: DrawnEdge) {
  const passed = Array.from({ length: Math.max(0, to.layer - from.layer - 1) }, (_, k) =>
    itemOf({ width: PASSING, height: 0 }, from.layer + 1 + k),
  );
  const chain = [from, ...passed, to];
  for (const [k, item] of chain.slice(0, -1).entries()) {
    item.below.push(chain[k + 1]);
    chain[k + 1].above.push(item);
  }
  return { edge, from, to, passed };
}

function layered(items: readonly Item[]): Item[][] {
  const byLayer = [...groupBy(items, ({ layer }) => layer)].sort(([a], [b]) => a - b);
  const layers = byLayer.map(([, layer]) => layer);
  for (const [k, layer] of layers.entries()) {
    for (const item of layer) item.layer = k;
    spread(layer, new Map());
  }
  return layers;
}

/** Orders a layer by the mean position of what its items are linked with, and moves it there. */
function arrange(layer: Item[], side: "above" | "below"): void {
  const wanted = new Map<Item, number>();
  for (const item of layer) {
    const near = item[side];
    const mean = near.reduce((sum, { x }) => sum + x, 0) / near.length;
    wanted.set(item, near.length > 0 ? mean : item.x);
  }
  layer.sort((a, b) => wanted.get(a)! - wanted.get(b)!);
  spread(layer, wanted);
}

/** Places a layer's items beside each other, in order, on average where they are wanted. */
function spread(layer: readonly Item[], wanted: ReadonlyMap<Item, number>): void {
  let right = Number.NEGATIVE_INFINITY;
  for (const item of layer) {
    item.x = Math.max(wanted.get(item) ?? 0, right + GAP + item.width / 2);
    right = item.x + item.width / 2;
  }
  const off = layer.reduce((sum, item) => sum + item.x - (wanted.get(item) ?? 0), 0);
  for (const item of layer) item.x -= off / layer.length;
}
