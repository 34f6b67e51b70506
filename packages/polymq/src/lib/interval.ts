const INTERVAL = /^(\d{1,9})([YMDhms])$/;

const SECOND_MS = 1_000;
const DAY_MS = 86_400 * SECOND_MS;
const UNIT_MS: Readonly<Record<string, number>> = {
  Y: 365 * DAY_MS,
  M: 30 * DAY_MS,
  D: DAY_MS,
  h: 3_600 * SECOND_MS,
  m: 60 * SECOND_MS,
  s: SECOND_MS,
};

/** A length of time as RabbitMQ writes it, such as `7D` or `90m`, in ms; `undefined` if it is none. */
export function intervalMs(text: string): number | undefined {
  const [, count, unit] = INTERVAL.exec(text) ?? [];
  return count === undefined ? undefined : Number(count) * UNIT_MS[unit!]!;
}
