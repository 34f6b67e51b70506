import type { Stream } from '../../../core/stream/streams.ts';
import type { RequestOf, ResponseOf } from '../codec/spec.ts';
import { NONE } from '../errors.ts';
import { type Handler, handler } from '../handler.ts';
import { describeLogDirs } from '../schema/35-describe-log-dirs.ts';

type Asked = NonNullable<RequestOf<typeof describeLogDirs>['topics']>[number];
type TopicResponse = ResponseOf<typeof describeLogDirs>['results'][number]['topics'][number];

/** DescribeLogDirs: the one data directory, with what each partition takes there. */
export const describeLogDirsHandler: Handler<typeof describeLogDirs> = handler(
  describeLogDirs,
  async (request, context) => {
    const logDir = context.settings.get('data') ?? '';
    const streams = context.broker.streams.list();
    const asked = request.topics && new Map(request.topics.map((topic) => [topic.topic, topic]));
    const topics = streams
      .filter((stream) => asked === null || asked.has(stream.name))
      .map((stream) => describe(stream, asked?.get(stream.name)));
    const space = await spaceOf(logDir, context.environment.disk);
    return {
      throttleTimeMs: 0,
      errorCode: NONE,
      results: [{ errorCode: NONE, logDir, topics, ...space }],
    };
  },
);

function describe(stream: Stream, asked: Asked | undefined): TopicResponse {
  const wanted = asked && new Set(asked.partitions);
  return {
    name: stream.name,
    partitions: stream.partitions
      .filter((partition) => !wanted || wanted.has(partition.index))
      .map((partition) => ({
        partitionIndex: partition.index,
        partitionSize: partition.sizeBytes,
        offsetLag: 0,
        isFutureKey: false,
      })),
  };
}

/** -1 where there is no directory, as with data in memory. */
async function spaceOf(
  path: string,
  disk: { freeBytes(path: string): Promise<{ free: number; total: number }> },
): Promise<{ totalBytes: number; usableBytes: number }> {
  try {
    const { free, total } = await disk.freeBytes(path);
    return { totalBytes: total, usableBytes: free };
  } catch {
    return { totalBytes: -1, usableBytes: -1 };
  }
}
