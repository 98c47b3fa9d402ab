import { LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TitleComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

/** What a training went through, step by step. */
export interface Curve {
  readonly train: readonly (readonly [step: number, loss: number])[];
  readonly eval: readonly (readonly [step: number, loss: number, metric?: number])[];
}

const SIZE = { width: 800, height: 420 };
const [BLUE, ORANGE, GREEN] = ["#2f6fb7", "#d9730d", "#3a8a4d"];

/**
 * Returns the loss over the steps as an SVG drawing on white, with the metric, if there is one, on
 * an axis of its own. The same curve gives the same text. A loss that is not a number leaves a gap.
 */
export function lossCurve(curve: Curve, title: string, metric = "metric"): string {
  const measured = curve.eval.flatMap(([step, , value]) =>
    value === undefined ? [] : [[step, drawn(value)]],
  );
  const line = (name: string, color: string, data: unknown[], more: object = {}) => ({
    type: "line" as const,
    name,
    color,
    data: data as (number | null)[][],
    silent: true,
    emphasis: { disabled: true },
    ...more,
  });
  const few = { symbol: "circle", symbolSize: 6 };
  const train = curve.train.map(([step, loss]) => [step, drawn(loss)]);
  const held = curve.eval.map(([step, loss]) => [step, drawn(loss)]);
  const alone = train.length === 1;
  const many = {
    ...(alone ? few : { symbol: "none" }),
    lineStyle: { width: 1.2 },
    sampling: "lttb",
  };
  const series = [
    ...(train.length > 0 ? [line("training loss", BLUE, train, many)] : []),
    ...(held.length > 0 ? [line("evaluation loss", ORANGE, held, few)] : []),
    ...(measured.length > 0 ? [line(metric, GREEN, measured, { ...few, yAxisIndex: 1 })] : []),
  ];
  const chart = init(null, null, { renderer: "svg", ssr: true, ...SIZE });
  try {
    chart.setOption({ ...layoutOf(title, metric, measured.length > 0), series });
    return titled(plain(chart.renderToSVGString()));
  } finally {
    chart.dispose();
  }
}

/** Title, legend and axes of a curve; the metric has an axis if it is drawn. */
function layoutOf(title: string, metric: string, hasMetric: boolean) {
  const axis = (name: string) => ({ type: "value" as const, name, silent: true, scale: true });
  const steps = { nameLocation: "middle" as const, nameGap: 28, minInterval: 1 };
  return {
    animation: false,
    backgroundColor: "#ffffff",
    textStyle: { fontFamily: "sans-serif" },
    title: { text: title, left: "center", top: 10, textStyle: { fontSize: 15 } },
    legend: { bottom: 8, itemGap: 28, silent: true },
    grid: { left: 64, right: 64, top: 66, bottom: 78 },
    xAxis: { ...axis("step"), ...steps, max: "dataMax" as const },
    yAxis: [
      { ...axis("loss"), scale: false },
      { ...axis(metric), show: hasMetric, splitLine: { show: false } },
    ],
  };
}

/** Adds a title for screen readers. */
const titled = (svg: string) =>
  svg.replace(/^<svg[^>]*>/, (tag) => `${tag}\n<title>Loss over the steps of a training</title>`);

const drawn = (value: number) => (Number.isFinite(value) ? value : null);

/** Removes ids that number the drawings of one process, and styles for the mouse. */
const plain = (svg: string) =>
  svg
    .replace(/<style[\s\S]*?<\/style>\s*/g, "")
    .replace(/ (class|ecmeta_[a-z_]+)="[^"]*"/g, "")
    .replace(/\bzr\d+-/g, "curve-");
