import type { QueueSettings } from './queue-definition.ts';

/** When a message expires that came into the queue at `enqueuedMs` with its own time to live (-1: none); 0: never. */
export function expiryMs(settings: QueueSettings, ownTtlMs: number, enqueuedMs: number): number {
  const { messageTtlMs } = settings;
  if (messageTtlMs === undefined) return ownTtlMs < 0 ? 0 : enqueuedMs + ownTtlMs;
  return enqueuedMs + (ownTtlMs < 0 ? messageTtlMs : Math.min(ownTtlMs, messageTtlMs));
}

/** From when on a message can be delivered; 0: at once. `dueMs`: what its sender wants, or 0. */
export function visibleMs(settings: QueueSettings, dueMs: number, enqueuedMs: number): number {
  const { delayMs } = settings;
  return dueMs === 0 && delayMs !== undefined ? enqueuedMs + delayMs : dueMs;
}
