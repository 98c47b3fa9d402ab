/** Reads a number, or a fraction such as 1/255; NaN if it is neither. */
export function fraction(text: string): number {
  const parts = text.split("/").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (parts.length > 2) return Number.NaN;
  const [over, under = 1] = parts;
  return over / under;
}
