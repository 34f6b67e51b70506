/** What was thrown, as a name and a text: anything can be thrown. */
export function describeError(error: unknown): { name: string; message: string } {
  if (error instanceof Error) return { name: error.name, message: error.message };
  if (typeof error === 'string') return { name: 'Error', message: error };
  if (error === undefined) return { name: 'Error', message: 'no reason was given' };
  return { name: 'Error', message: textOf(error) };
}

function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

const REASON_CHARS_MAX = 500;

/** Why a message died, in one line: errors with their name, texts as they are. */
export function reasonText(reason: unknown): string {
  const { name, message } = describeError(reason);
  const text = reason instanceof Error ? `${name}: ${message}` : message;
  return text.slice(0, REASON_CHARS_MAX);
}

/** For errors nobody listens to: seen on stderr, and stops nothing. */
export function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : describeError(error).message);
}
