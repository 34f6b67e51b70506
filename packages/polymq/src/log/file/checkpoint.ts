/**
 * What is known to be durable, so that opening need not look: `<data>/checkpoint`, replaced atomically.
 *
 *   {"format":1,"clean":false,"bootId":"…","commitFrom":17}
 *   {"name":"orders/0","id":"3f1c…","start":0,"segments":[[base,end,bytes,maxTimestamp], …]}
 *   …
 *   crc32c 9ae0daaf                       of all lines before
 *
 * A log's line lists its segments, oldest first, up to the first one that is not synced to its end; of that one
 * it says how far it is. Everything listed is durable; recovery scans from there on.
 *
 *   clean: true    written by close(): every log is exactly as listed, nothing needs a scan
 *   clean: false   written when the directory was opened, and every now and then since
 *   commitFrom     older frames of the commit log are in synced segments, or belong to nobody
 */
import { crc32c } from '../../lib/crc32c.ts';
import type { Disk } from '../../lib/environment/disk.ts';

/** base offset, end offset, bytes, largest timestamp. */
export type KnownSegment = [base: number, end: number, bytes: number, maxTimestampMs: number];

export interface KnownLog {
  name: string;
  id: string;
  start: number;
  segments: KnownSegment[];
  /** The log was not opened since the last unclean stop: there may be more than is listed. */
  partial?: true;
}

export interface Checkpoint {
  clean: boolean;
  bootId: string | undefined;
  commitFrom: number;
  /** The encoded line of each log by name; most are never looked at again. */
  lines: Map<string, string>;
}

const PARTIAL_END = ',"partial":true}';
const CRC_PREFIX = 'crc32c ';

export function encodeLog(log: KnownLog): string {
  return JSON.stringify(log);
}

export function decodeLog(line: string): KnownLog {
  return JSON.parse(line) as KnownLog;
}

export async function writeCheckpoint(
  disk: Disk,
  path: string,
  checkpoint: Checkpoint,
): Promise<void> {
  const { clean, bootId, commitFrom, lines } = checkpoint;
  const head = JSON.stringify({ format: 1, clean, bootId, commitFrom });
  const body = Buffer.from(`${[head, ...lines.values()].join('\n')}\n`);
  const crc = crc32c(body).toString(16).padStart(8, '0');
  await disk.replaceFile(path, Buffer.concat([body, Buffer.from(`${CRC_PREFIX}${crc}\n`)]));
}

/** `undefined` if there is none or it is damaged: everything is scanned then. */
export async function readCheckpoint(disk: Disk, path: string): Promise<Checkpoint | undefined> {
  const content = await disk.readFile(path);
  if (content === undefined) return undefined;
  const bodyBytes = content.length - CRC_PREFIX.length - 9;
  if (bodyBytes <= 0) return undefined;
  const crc = crc32c(content, 0, bodyBytes).toString(16).padStart(8, '0');
  if (content.toString('latin1', bodyBytes) !== `${CRC_PREFIX}${crc}\n`) return undefined;
  const [head, ...rest] = content.toString('utf8', 0, bodyBytes - 1).split('\n');
  const { format, clean, bootId, commitFrom } = JSON.parse(head!) as Checkpoint & {
    format: number;
  };
  if (format !== 1) return undefined;
  return { clean, bootId, commitFrom, lines: new Map(rest.map((line) => [nameOf(line), line])) };
}

/** The line, marked as possibly incomplete. */
export function asPartial(line: string): string {
  return line.endsWith(PARTIAL_END) ? line : line.slice(0, -1) + PARTIAL_END;
}

/** The name in a line, without parsing its lists. */
function nameOf(line: string): string {
  const end = line.indexOf('","id":"');
  return JSON.parse(line.slice('{"name":'.length, end + 1)) as string;
}
