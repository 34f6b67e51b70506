/** What a client's error says about the broker. */

/** Answers that a correct broker never gives to the producers of this workload. */
const NEVER =
  /OUT_OF_ORDER_SEQUENCE|UNKNOWN_PRODUCER_ID|CORRUPT_MESSAGE|INVALID_RECORD|INVALID_PRODUCER_EPOCH|UNKNOWN_SERVER_ERROR|KAFKA_STORAGE_ERROR|UNSUPPORTED_VERSION|INVALID_REQUEST/;

/** One line: the name and message, and those of the innermost cause. */
export function describeError(error: unknown): string {
  const chain = causes(error);
  const [first, last] = [chain[0], chain.at(-1)];
  const one = (each: unknown) =>
    each instanceof Error ? `${each.name}: ${each.message}` : String(each);
  const text = first === last ? one(first) : `${one(first)} <- ${one(last)}`;
  // Ports and ids would make every occurrence another error.
  return text.replace(/\d{3,}/g, 'N').slice(0, 200);
}

/** The name of a broker's answer that must not come, if that is what the error stems from. */
export function findSource(error: unknown): string | undefined {
  for (const each of causes(error)) {
    const { type, apiId, message } = each as { type?: unknown; apiId?: unknown; message?: unknown };
    const match = NEVER.exec(`${type} ${apiId} ${message}`);
    if (match) return match[0];
  }
  return undefined;
}

function causes(error: unknown): unknown[] {
  const chain: unknown[] = [];
  const queue: unknown[] = [error];
  while (queue.length > 0 && chain.length < 20) {
    const each = queue.shift();
    if (each === undefined || each === null || chain.includes(each)) continue;
    chain.push(each);
    const { cause, errors } = each as { cause?: unknown; errors?: unknown };
    queue.push(cause);
    if (Array.isArray(errors)) queue.push(...errors);
  }
  return chain;
}
