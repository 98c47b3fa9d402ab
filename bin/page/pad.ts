import { byId, make } from "./dom.ts";
import { STRIP } from "./strips.ts";

const PEN = 10;

/** Lets the user draw lines of text. Returns the list of those kept, 0 for paper and 1 for ink. */
export function drawingPad(onChange: () => void): readonly Float32Array[] {
  const sheet = sheetOn(byId<HTMLCanvasElement>("pad"));
  const kept: Float32Array[] = [];
  const list = () => {
    byId("drawings").replaceChildren(
      ...kept.map((ink, k) => {
        const remove = () => {
          kept.splice(k, 1);
          list();
        };
        const button = make("button", { type: "button", onclick: remove }, "Remove");
        button.ariaLabel = `Remove drawing ${k + 1}`;
        return make("li", {}, inkCanvas(ink, `Drawing ${k + 1}`), button);
      }),
    );
    onChange();
  };
  byId("keep-drawing").onclick = () => {
    if (sheet.isEmpty()) return;
    kept.push(inkIn(sheet.canvas));
    sheet.clear();
    list();
  };
  byId("clear-drawing").onclick = sheet.clear;
  sheet.clear();
  return kept;
}

function sheetOn(canvas: HTMLCanvasElement) {
  const pen = canvas.getContext("2d", { willReadFrequently: true })!;
  let isEmpty = true;
  const place = ({ clientX, clientY }: PointerEvent): [number, number] => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return [((clientX - left) * canvas.width) / width, ((clientY - top) * canvas.height) / height];
  };
  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId);
    Object.assign(pen, { lineWidth: PEN, lineCap: "round", lineJoin: "round" });
    pen.beginPath();
    pen.moveTo(...place(event));
    pen.lineTo(...place(event));
    pen.stroke();
    isEmpty = false;
  };
  canvas.onpointermove = (event) => {
    if (event.buttons === 0) return;
    pen.lineTo(...place(event));
    pen.stroke();
  };
  return {
    canvas,
    isEmpty: () => isEmpty,
    clear() {
      pen.fillStyle = "#ffffff";
      pen.fillRect(0, 0, canvas.width, canvas.height);
      isEmpty = true;
    },
  };
}

/** A canvas's ink at the size of a strip. */
function inkIn(canvas: HTMLCanvasElement): Float32Array {
  const { width, height } = STRIP;
  const small = make("canvas", { width, height });
  const context = small.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  context.drawImage(canvas, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  return Float32Array.from({ length: width * height }, (_, k) => 1 - data[4 * k] / 255);
}

/** Shows an ink, dark on light. */
export function inkCanvas(ink: Float32Array, label: string): HTMLCanvasElement {
  const { width, height } = STRIP;
  const spoken = { role: "img", ariaLabel: label };
  const canvas = make("canvas", { width, height, className: "sample", ...spoken });
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(width, height);
  for (const [k, value] of ink.entries()) {
    const gray = 255 * (1 - value);
    image.data.set([gray, gray, gray, 255], 4 * k);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
