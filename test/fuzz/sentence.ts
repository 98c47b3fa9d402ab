/** What is wrong with a message as one sentence for a person; null where nothing is. */
export function complaint(message: string): string | null {
  if (/[\n\r\u2028\u2029\p{Cc}]/u.test(message)) return "is not on one line";
  if (!message.endsWith(".")) return "does not end with a period";
  if (message.length > 1200) return `is ${message.length} characters long`;
  if (/\bat .*[/\\].*:\d+:\d+|node:internal/.test(message)) return "holds a stack";
  if (/\bundefined\b|\[object |TypeError|RangeError|fault of laurelize/.test(message))
    return "speaks of the tool's inside";
  return null;
}
