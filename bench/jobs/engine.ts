/** What a job queue has to do in the benchmark, whoever it is. */
export interface JobEngine {
  /** Resolves when the engine has all of them, in its durability. */
  addBatch(jobs: readonly Job[]): Promise<void>;
  addOne(job: Job): Promise<void>;
  /** Calls `done` for each job that a handler which does nothing has processed, `concurrency` at a time. */
  work(concurrency: number, done: () => void): Promise<{ stop(): Promise<void> }>;
  close(): Promise<void>;
}

export interface Job {
  readonly orderId: string;
  readonly note: string;
}

/** About a hundred bytes of JSON. */
export function makeJob(number: number): Job {
  return { orderId: `order-${number}`, note: 'x'.repeat(64) };
}
