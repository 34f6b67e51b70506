/** Where reading begins, per partition. */
import type { Position } from '@polymq/client/driver';
import { startPosition } from '../../core/crossing/record-cursor.ts';
import type { Partition } from '../../core/stream/streams.ts';

export async function offsetAt(partition: Partition, position: Position): Promise<number> {
  switch (position.at) {
    case 'new':
      return partition.endOffset;
    case 'start':
      return partition.startOffset;
    case 'time':
      return startPosition(partition, { timestampMs: position.timeMs });
    case 'offsets': {
      const { offsets } = position;
      const offset = typeof offsets === 'number' ? offsets : offsets.get(partition.index);
      return offset === undefined ? partition.startOffset : startPosition(partition, offset);
    }
  }
}
