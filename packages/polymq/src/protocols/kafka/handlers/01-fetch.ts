/**
 * Fetch: record batches as stored, with a long poll.
 *
 * A request that finds fewer than `minBytes` waits until enough was committed or `maxWaitMs` is over; any
 * partition with an error answers at once. Everything is read again when the wait ends: reading an empty
 * partition costs a comparison. Fetch sessions (KIP-227) are not kept: session id 0 tells the client so.
 */

import type { Partition } from '../../../core/stream/streams.ts';
import { release } from '../../../lib/arena.ts';
import type { LogRead } from '../../../log/log.ts';
import type { RequestOf, ResponseOf } from '../codec/spec.ts';
import { failureOf, kafkaCode, NONE } from '../errors.ts';
import { type Context, type Handler, handler } from '../handler.ts';
import { checkLeaderEpoch, partitionIn } from '../lookup.ts';
import { fetch } from '../schema/01-fetch.ts';
import { fetchTopicOf } from './fetch-topic.ts';

type Request = RequestOf<typeof fetch>;
type TopicResponse = ResponseOf<typeof fetch>['responses'][number];
type PartitionResponse = TopicResponse['partitions'][number];
type PartitionRequest = Request['topics'][number]['partitions'][number];

const FINAL_EPOCH = -1;

/** What one pass over all partitions has found. */
interface Pass {
  responses: TopicResponse[];
  bytes: number;
  failed: boolean;
  /** Bytes that may still be added. */
  room: number;
  /** All records found, which the log retains for us (`lib/arena.ts`). */
  buffers: Buffer[];
  /** The partitions that could be read, to wait on. */
  readable: Partition[];
}

export const fetchHandler: Handler<typeof fetch> = handler(fetch, async (request, context) => {
  if (request.sessionId !== 0 && request.sessionEpoch !== FINAL_EPOCH) {
    return answer([], kafkaCode('FETCH_SESSION_ID_NOT_FOUND'));
  }
  const { clock } = context.environment;
  const deadlineMs = clock.monotonicMs() + Math.max(0, request.maxWaitMs);
  for (;;) {
    const waitMs = deadlineMs - clock.monotonicMs();
    const pass = await readAll(request, context);
    const full = pass.room <= 0 && pass.bytes > 0;
    const enough = pass.failed || full || pass.bytes >= request.minBytes;
    if (enough || waitMs <= 0 || context.closed.aborted) return answer(pass.responses, NONE);
    giveBack(pass);
    await advance(pass.readable, waitMs, context);
  }
});

function answer(responses: TopicResponse[], errorCode: number): ResponseOf<typeof fetch> {
  return { throttleTimeMs: 0, errorCode, sessionId: 0, responses };
}

async function readAll(request: Request, context: Context): Promise<Pass> {
  // Slow consumers share a pool: when it is full, every one still gets a batch at a time.
  const allowed = Math.min(context.limits.responseBytesMax, context.responseRoom);
  const bytesMax = Math.min(request.maxBytes, allowed);
  const pass: Pass = {
    responses: [],
    bytes: 0,
    failed: false,
    room: bytesMax,
    buffers: [],
    readable: [],
  };
  for (const topic of request.topics) {
    const found = fetchTopicOf(context.broker.streams, topic, context.version);
    const partitions: PartitionResponse[] = [];
    for (const wanted of topic.partitions) {
      const read = found.stream
        ? readPartition(() => partitionIn(found.stream, wanted.partition), wanted, pass)
        : failed(wanted, found.errorCode, pass);
      partitions.push(read instanceof Promise ? await read : read);
    }
    pass.responses.push({ topic: topic.topic, topicId: topic.topicId, partitions });
  }
  return pass;
}

/** What is read again later need not be kept in memory meanwhile. */
function giveBack(pass: Pass): void {
  for (const buffer of pass.buffers) release(buffer);
}

/** Stays synchronous for what is in memory: a poll of a thousand idle partitions awaits nothing. */
function readPartition(
  find: () => Partition,
  wanted: PartitionRequest,
  pass: Pass,
): PartitionResponse | Promise<PartitionResponse> {
  let partition: Partition | undefined;
  try {
    partition = find();
    checkLeaderEpoch(partition, wanted.currentLeaderEpoch);
    const bytesMax = Math.min(wanted.partitionMaxBytes, Math.max(0, pass.room));
    const read = partition.read(wanted.fetchOffset, bytesMax, pass.bytes === 0);
    if (!(read instanceof Promise)) return succeeded(partition, wanted, read, pass);
    const owner = partition;
    return read.then(
      (late) => succeeded(owner, wanted, late, pass),
      (error: unknown) => failed(wanted, failureOf(error).errorCode, pass, owner),
    );
  } catch (error) {
    return failed(wanted, failureOf(error).errorCode, pass, partition);
  }
}

function succeeded(
  partition: Partition,
  wanted: PartitionRequest,
  read: LogRead,
  pass: Pass,
): PartitionResponse {
  pass.bytes += read.bytes;
  pass.room -= read.bytes;
  pass.readable.push(partition);
  for (const buffer of read.buffers) pass.buffers.push(buffer);
  return {
    partitionIndex: wanted.partition,
    errorCode: NONE,
    highWatermark: partition.endOffset,
    lastStableOffset: partition.endOffset,
    logStartOffset: partition.startOffset,
    abortedTransactions: null,
    records: read.buffers,
  };
}

function failed(
  wanted: PartitionRequest,
  errorCode: number,
  pass: Pass,
  partition?: Partition,
): PartitionResponse {
  pass.failed = true;
  return {
    partitionIndex: wanted.partition,
    errorCode,
    highWatermark: partition?.endOffset ?? -1,
    lastStableOffset: partition?.endOffset ?? -1,
    logStartOffset: partition?.startOffset ?? -1,
    abortedTransactions: null,
    records: [],
  };
}

/** Resolves at the first advance of any of the partitions, after `waitMs`, or when nobody waits any more. */
function advance(partitions: Partition[], waitMs: number, context: Context): Promise<void> {
  const { timers } = context.environment;
  return new Promise((resolve) => {
    const stops = partitions.map((partition) => partition.onAdvance(finish));
    const timer = timers.after(waitMs, finish);
    context.closed.addEventListener('abort', finish);
    let finished = false;
    function finish(): void {
      if (finished) return;
      finished = true;
      timers.clear(timer);
      for (const stop of stops) stop();
      context.closed.removeEventListener('abort', finish);
      // Other partitions of the same commit round advance in this turn too: read them together.
      timers.immediate(resolve);
    }
  });
}
