import type { SqlQueries } from './database.ts';

/** Ms since the epoch by the database's own clock, as an expression: the same for all programs that use it. */
export function nowMsOf({ dialect }: SqlQueries): string {
  return dialect === 'postgresql'
    ? '(extract(epoch from clock_timestamp()) * 1000)::bigint'
    : "cast(unixepoch('subsec') * 1000 as integer)";
}
