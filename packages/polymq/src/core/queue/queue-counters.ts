/** What has happened in all queues since the start. Read by the metrics page. */
export class QueueCounters {
  /** Messages that entered a queue: one message in ten queues counts ten times. */
  published = 0;
  /** Handed to a consumer or taken. */
  delivered = 0;
  /** Done with, also by being delivered without acknowledgement. */
  acked = 0;
  requeued = 0;
  /** Not accepted because the queue was full. */
  refused = 0;
  expired = 0;
  /** Sent on to a dead-letter exchange. */
  deadLettered = 0;
  /** Gone without anybody having seen them: no dead-letter exchange, no queue behind it, or a cycle. */
  dropped = 0;
  purged = 0;
  /** Damaged on disk. */
  lost = 0;
}

/** What is in all queues now. */
export interface QueueTotals {
  queues: number;
  consumers: number;
  ready: number;
  leased: number;
  delayed: number;
  bytes: number;
}
