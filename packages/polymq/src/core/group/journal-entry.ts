/**
 * What stands in the group journal: one JSON text per record, readable with any log dump tool.
 *
 *   {"v":1, "kind":"commit",  "group":…, "atMs":…, "offsets":[[stream, partition, offset, epoch, text], …]}
 *   {"v":1, "kind":"forget",  "group":…, "partitions":[[stream, partition], …]}
 *   {"v":1, "kind":"members", "group":…, "atMs":…, "record":{…}}   buffers as base64
 *   {"v":1, "kind":"delete",  "group":…}
 *   {"v":1, "kind":"remove-stream", "stream":…}
 *
 * Each entry says what holds from then on, never a difference, so applying a range of them again to
 * a state that already contains some of their effects ends in the same state. Snapshots rely on this:
 * they are taken while the group goes on, and consist of the same entries.
 */
import type { GroupRecord } from './group-events.ts';
import type { CommittedOffset, StreamPartition } from './groups.ts';

export type JournalEntry =
  | { kind: 'commit'; group: string; offsets: readonly CommittedOffset[] }
  | { kind: 'forget'; group: string; partitions: readonly StreamPartition[] }
  | { kind: 'members'; group: string; atMs: number; record: GroupRecord }
  | { kind: 'delete'; group: string }
  | { kind: 'remove-stream'; stream: string };

const VERSION = 1;

type CommitRow = [stream: string, partition: number, offset: number, epoch: number, text: string];

interface WireMember {
  id: string;
  instance?: string;
  client: string;
  host: string;
  sessionMs: number;
  rebalanceMs: number;
  protocols: [name: string, metadata: string][];
  assignment: string;
}

interface WireRecord {
  type: string;
  protocol: string;
  generation: number;
  leader: string;
  members: WireMember[];
}

type WireEntry = { v: number } & (
  | { kind: 'commit'; group: string; atMs: number; offsets: CommitRow[] }
  | { kind: 'forget'; group: string; partitions: [string, number][] }
  | { kind: 'members'; group: string; atMs: number; record: WireRecord }
  | { kind: 'delete'; group: string }
  | { kind: 'remove-stream'; stream: string }
);

/** The offsets of one entry must have the same `committedAtMs`. */
export function encodeEntry(entry: JournalEntry): string {
  return JSON.stringify(toWire(entry));
}

/** Throws if the entry is none, or was written by a version that is newer than this. */
export function decodeEntry(text: string): JournalEntry {
  const wire = JSON.parse(text) as WireEntry;
  if (wire.v !== VERSION) {
    throw new Error(
      `the group journal has an entry of version ${wire.v}, this broker reads ${VERSION}`,
    );
  }
  return fromWire(wire);
}

function toWire(entry: JournalEntry): WireEntry {
  const v = VERSION;
  switch (entry.kind) {
    case 'commit': {
      const offsets = entry.offsets.map(
        ({ stream, partition, offset, leaderEpoch, metadata }): CommitRow => [
          stream,
          partition,
          offset,
          leaderEpoch,
          metadata,
        ],
      );
      const atMs = entry.offsets[0]?.committedAtMs ?? 0;
      return { v, kind: 'commit', group: entry.group, atMs, offsets };
    }
    case 'forget': {
      const partitions = entry.partitions.map(({ stream, partition }): [string, number] => [
        stream,
        partition,
      ]);
      return { v, kind: 'forget', group: entry.group, partitions };
    }
    case 'members':
      return { ...entry, v, record: recordToWire(entry.record) };
    default:
      return { v, ...entry };
  }
}

function fromWire(wire: WireEntry): JournalEntry {
  switch (wire.kind) {
    case 'commit': {
      const committedAtMs = wire.atMs;
      const offsets = wire.offsets.map(([stream, partition, offset, leaderEpoch, metadata]) => {
        return { stream, partition, offset, leaderEpoch, metadata, committedAtMs };
      });
      return { kind: 'commit', group: wire.group, offsets };
    }
    case 'forget': {
      const partitions = wire.partitions.map(([stream, partition]) => ({ stream, partition }));
      return { kind: 'forget', group: wire.group, partitions };
    }
    case 'members': {
      const { kind, group, atMs, record } = wire;
      return { kind, group, atMs, record: recordFromWire(record) };
    }
    case 'delete':
      return { kind: 'delete', group: wire.group };
    case 'remove-stream':
      return { kind: 'remove-stream', stream: wire.stream };
    default:
      throw new Error(
        `the group journal has an entry of unknown kind "${(wire as WireEntry).kind}"`,
      );
  }
}

function recordToWire(record: GroupRecord): WireRecord {
  const members = record.members.map((member): WireMember => {
    const instance = member.instanceId === undefined ? {} : { instance: member.instanceId };
    return {
      id: member.memberId,
      ...instance,
      client: member.clientId,
      host: member.clientHost,
      sessionMs: member.sessionTimeoutMs,
      rebalanceMs: member.rebalanceTimeoutMs,
      protocols: member.protocols.map(({ name, metadata }) => [name, metadata.toString('base64')]),
      assignment: member.assignment.toString('base64'),
    };
  });
  return {
    type: record.protocolType,
    protocol: record.protocolName,
    generation: record.generation,
    leader: record.leaderId,
    members,
  };
}

function recordFromWire(wire: WireRecord): GroupRecord {
  return {
    protocolType: wire.type,
    protocolName: wire.protocol,
    generation: wire.generation,
    leaderId: wire.leader,
    members: wire.members.map((member) => ({
      memberId: member.id,
      instanceId: member.instance,
      clientId: member.client,
      clientHost: member.host,
      sessionTimeoutMs: member.sessionMs,
      rebalanceTimeoutMs: member.rebalanceMs,
      protocols: member.protocols.map(([name, metadata]) => ({
        name,
        metadata: Buffer.from(metadata, 'base64'),
      })),
      assignment: Buffer.from(member.assignment, 'base64'),
    })),
  };
}
