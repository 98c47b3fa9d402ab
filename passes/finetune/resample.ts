/** An image: rows of pixels, 8 bits for each of its channels. */
interface Image {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly pixels: Uint8Array;
}

/** Bits of the fraction of a coefficient, as in Pillow. */
const FRACTION = 22;

/** The pixels that one new pixel is made of, and their shares. */
interface Shares {
  readonly from: number;
  readonly of: Int32Array;
}

/** The shares of a triangle that is as wide as the step between new pixels, as Pillow has them. */
function sharesOf(before: number, after: number): Shares[] {
  const step = before / after;
  const wide = Math.max(step, 1);
  return Array.from({ length: after }, (_, k) => {
    const center = (k + 0.5) * step;
    const from = Math.max(0, Math.trunc(center - wide + 0.5));
    const to = Math.min(before, Math.trunc(center + wide + 0.5));
    const shares = Array.from({ length: to - from }, (_, j) =>
      Math.max(0, 1 - Math.abs((j + from - center + 0.5) / wide)),
    );
    const sum = shares.reduce((a, b) => a + b, 0);
    return { from, of: Int32Array.from(shares, (share) => 0.5 + (share / sum) * 2 ** FRACTION) };
  });
}

/**
 * Scales an image as Pillow does by BILINEAR, with antialiasing: along its rows, rounded to 8 bits,
 * then along its columns.
 */
export function resized(image: Image, width: number, height: number): Image {
  const { channels } = image;
  const wide = width === image.width ? image : { ...image, width, pixels: alongRows(image, width) };
  if (height === image.height) return wide;
  const pixels = new Uint8Array(width * height * channels);
  const row = width * channels;
  for (const [y, { from, of }] of sharesOf(image.height, height).entries())
    for (let x = 0; x < row; x++) {
      let sum = 2 ** (FRACTION - 1);
      for (let k = 0; k < of.length; k++) sum += wide.pixels[(from + k) * row + x] * of[k];
      pixels[y * row + x] = Math.floor(sum / 2 ** FRACTION);
    }
  return { width, height, channels, pixels };
}

function alongRows({ width: before, height, channels, pixels: old }: Image, width: number) {
  const pixels = new Uint8Array(width * height * channels);
  const shares = sharesOf(before, width);
  for (let y = 0; y < height; y++)
    for (const [x, { from, of }] of shares.entries())
      for (let c = 0; c < channels; c++) {
        let sum = 2 ** (FRACTION - 1);
        const at = (y * before + from) * channels + c;
        for (let k = 0; k < of.length; k++) sum += old[at + k * channels] * of[k];
        pixels[(y * width + x) * channels + c] = Math.floor(sum / 2 ** FRACTION);
      }
  return pixels;
}

/** Cuts the center out of an image that is at least as large, as torchvision does. */
function centerCropped(image: Image, width: number, height: number): Image {
  const { channels, pixels: old } = image;
  const [top, left] = [halfToEven(image.height - height), halfToEven(image.width - width)];
  const pixels = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const at = ((top + y) * image.width + left) * channels;
    pixels.set(old.subarray(at, at + width * channels), y * width * channels);
  }
  return { width, height, channels, pixels };
}

/** Half of a number, rounded as Python rounds. */
function halfToEven(count: number): number {
  const half = count / 2;
  return half % 1 === 0.5 ? Math.floor(half) + (Math.floor(half) % 2) : Math.round(half);
}

/** Makes a color image gray, as Pillow converts to "L" (ITU-R 601-2). */
export function gray({ width, height, pixels: old }: Image): Image {
  const pixels = new Uint8Array(width * height);
  for (let k = 0; k < pixels.length; k++) {
    const [r, g, b] = [old[3 * k], old[3 * k + 1], old[3 * k + 2]];
    pixels[k] = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
  }
  return { width, height, channels: 1, pixels };
}

/**
 * Returns an image as torchvision's eval transform makes it: the shorter side is scaled to
 * `shorter`, then the center is cut out.
 */
export function forEvaluation(
  image: Image,
  {
    width,
    height,
    shorter,
  }: { readonly width: number; readonly height: number; readonly shorter: number },
): Image {
  const { width: w, height: h } = image;
  const factor = shorter / Math.min(w, h);
  const long = Math.trunc((shorter * Math.max(w, h)) / Math.min(w, h));
  const [wide, high] = w <= h ? [shorter, long] : [long, shorter];
  // A model whose input is not square may need more than the shorter side says.
  const more = Math.max(width / wide, height / high, 1);
  const size = (side: number, whole: number) =>
    more > 1 ? Math.ceil(side * factor * more) : whole;
  return centerCropped(resized(image, size(w, wide), size(h, high)), width, height);
}
