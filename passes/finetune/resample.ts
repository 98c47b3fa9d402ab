interface Size {
  readonly width: number;
  readonly height: number;
}

/** An image: rows of pixels, 8 bits for each of its channels. */
interface Image extends Size {
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

/** The shares of Pillow's triangle filter, for the `count` pixels in the middle of `after`. */
function sharesOf(before: number, after: number, count: number): Shares[] {
  const step = before / after;
  const wide = Math.max(step, 1);
  const first = halfToEven(after - count);
  return Array.from({ length: count }, (_, k) => {
    const center = (first + k + 0.5) * step;
    const from = Math.max(0, Math.trunc(center - wide + 0.5));
    const to = Math.min(before, Math.trunc(center + wide + 0.5));
    const shares = Array.from({ length: to - from }, (_, j) =>
      Math.max(0, 1 - Math.abs((j + from - center + 0.5) / wide)),
    );
    const sum = shares.reduce((a, b) => a + b, 0);
    return { from, of: Int32Array.from(shares, (share) => 0.5 + (share / sum) * 2 ** FRACTION) };
  });
}

/** Returns a pixel made of others, which stand a step apart. */
function mixed(pixels: Uint8Array, at: number, step: number, of: Int32Array): number {
  let sum = 2 ** (FRACTION - 1);
  for (let k = 0; k < of.length; k++) sum += pixels[at + k * step] * of[k];
  return Math.floor(sum / 2 ** FRACTION);
}

/**
 * Returns the middle of an image that is scaled to `whole`, as torchvision cuts it out. Scales as
 * Pillow does by BILINEAR, with antialiasing: along its rows, rounded to 8 bits, then along its
 * columns; only what is cut out.
 */
function middleOf(image: Image, whole: Size, { width, height }: Size): Image {
  const { channels, pixels: old } = image;
  const columns = sharesOf(image.width, whole.width, width);
  const rows = sharesOf(image.height, whole.height, height);
  const [{ from: top }, last] = [rows[0], rows[height - 1]];
  const row = width * channels;
  const wide = new Uint8Array((last.from + last.of.length - top) * row);
  for (let y = 0; y * row < wide.length; y++)
    for (const [x, { from, of }] of columns.entries())
      for (let c = 0; c < channels; c++) {
        const at = ((top + y) * image.width + from) * channels + c;
        wide[y * row + x * channels + c] = mixed(old, at, channels, of);
      }
  const pixels = new Uint8Array(height * row);
  for (const [y, { from, of }] of rows.entries())
    for (let x = 0; x < row; x++)
      pixels[y * row + x] = mixed(wide, (from - top) * row + x, row, of);
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

/** Scales the shorter side to `shorter`, then cuts out the center, as torchvision does. */
export function forEvaluation(
  image: Image,
  { width, height, shorter }: Size & { readonly shorter: number },
): Image {
  const { width: w, height: h } = image;
  const factor = shorter / Math.min(w, h);
  const long = Math.trunc((shorter * Math.max(w, h)) / Math.min(w, h));
  const [wide, high] = w <= h ? [shorter, long] : [long, shorter];
  // A model whose input is not square may need more than the shorter side says.
  const more = Math.max(width / wide, height / high, 1);
  const size = (side: number, whole: number) =>
    more > 1 ? Math.ceil(side * factor * more) : whole;
  return middleOf(image, { width: size(w, wide), height: size(h, high) }, { width, height });
}
