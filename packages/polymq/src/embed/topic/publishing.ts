/**
 * Appends messages to streams: per call and partition one batch, or as many as their size needs. The batches of a call are
 * appended at once, in order, and share a commit.
 */
import { PolymqError, type PublishOutcome, type WireMessage } from '@polymq/client/driver';
import { BatchBuilder } from '../../core/crossing/batch-builder.ts';
import { partitionOfKey } from '../../core/crossing/key-partition.ts';
import type { Partition, Stream } from '../../core/stream/streams.ts';
import type { EmbeddedContext } from '../context.ts';
import { clientError } from '../errors.ts';
import { toRecord } from './records.ts';

/** A batch is closed when it has reached this. */
const BATCH_BYTES = 1024 * 1024;
/** Frames of the batch and the record around a message. */
const OVERHEAD_BYTES = 256;

interface Share {
  readonly partition: Partition;
  builder: BatchBuilder;
  /** Which messages of the call are in the open batch. */
  indexes: number[];
}

export class Publishing {
  readonly #context: EmbeddedContext;
  /** Messages without a key of one call go to one partition, of the next call to the next. */
  #calls = 0;

  constructor(context: EmbeddedContext) {
    this.#context = context;
  }

  async publish(stream: Stream, messages: readonly WireMessage[]): Promise<PublishOutcome[]> {
    const { partitions, config } = stream;
    const outcomes = new Array<PublishOutcome>(messages.length);
    const shares = new Map<Partition, Share>();
    const appends: Promise<void>[] = [];
    const keyless = this.#calls++ % partitions.length;
    for (let index = 0; index < messages.length; index++) {
      const record = toRecord(messages[index]!);
      const { key } = record;
      const at = key === undefined ? keyless : partitionOfKey(key, partitions.length);
      const bytesMax = Math.min(config.batchBytesMax, BATCH_BYTES);
      const share = shareOf(shares, partitions[at]!, messages[index]!);
      if (!share.builder.add(record, bytesMax)) {
        if (share.indexes.length > 0) appends.push(append(share, outcomes));
        share.builder = new BatchBuilder(messages[index]!.body.length + OVERHEAD_BYTES);
        share.indexes = [];
        if (!share.builder.add(record, config.batchBytesMax)) {
          await Promise.allSettled(appends);
          throw tooLarge(stream, messages[index]!);
        }
      }
      share.indexes.push(index);
    }
    for (const share of shares.values()) appends.push(append(share, outcomes));
    try {
      await this.#context.track(Promise.all(appends));
    } catch (error: unknown) {
      throw clientError(error, `publish to topic "${stream.name}"`);
    }
    return outcomes;
  }
}

function shareOf(shares: Map<Partition, Share>, partition: Partition, first: WireMessage): Share {
  let share = shares.get(partition);
  if (share === undefined) {
    const builder = new BatchBuilder(first.body.length + OVERHEAD_BYTES);
    share = { partition, builder, indexes: [] };
    shares.set(partition, share);
  }
  return share;
}

async function append(
  { partition, builder, indexes }: Share,
  outcomes: PublishOutcome[],
): Promise<void> {
  const { baseOffset } = await partition.append(builder.finish(), 'committed');
  for (let at = 0; at < indexes.length; at++) {
    outcomes[indexes[at]!] = { partition: partition.index, offset: baseOffset + at };
  }
}

function tooLarge({ name, config }: Stream, { id, body }: WireMessage): PolymqError {
  return new PolymqError(
    'message-too-large',
    `message ${id} with ${body.length} bytes does not fit a batch of topic "${name}", which takes ` +
      `${config.batchBytesMax}: publish a reference to the data, or raise the topic's max.message.bytes`,
  );
}
