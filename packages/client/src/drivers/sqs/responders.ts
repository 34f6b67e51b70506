/**
 * Who serves a service, as tags of its request queue: `polymq-responder-<id>` with the time of its last sign of life. So a request knows at once
 * whether there is anybody. A responder that was closed takes its tag away; one that was killed counts for three minutes more.
 */
import { randomUUID } from 'node:crypto';
import type { ClockTimer } from '../../lib/clock.ts';
import type { Aws } from './aws.ts';
import { tagsOf } from './temporary-queues.ts';

const TAG = 'polymq-responder-';
const ALIVE_MS = 60_000;
const DEAD_MS = 180_000;
/** AWS allows fifty tags. Who comes later needs none: there are responders enough to be found. */
const TAGS_MAX = 40;

export async function hasResponder(aws: Aws, url: string): Promise<boolean> {
  return aliveIn(await tagsOf(aws, url), aws.context.clock.nowMs()).length > 0;
}

/** Says that it is there until it is closed. */
export class ResponderTag {
  readonly #aws: Aws;
  readonly #url: string;
  readonly #key = `${TAG}${randomUUID()}`;
  #timer: ClockTimer | undefined;

  constructor(aws: Aws, url: string) {
    this.#aws = aws;
    this.#url = url;
  }

  /** Rejects if the first sign cannot be given. */
  async start(): Promise<void> {
    await this.#say();
    this.#sayLater();
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#call('UntagQueue', { TagKeys: [this.#key] }).catch(() => {});
  }

  #sayLater(): void {
    this.#timer = this.#aws.context.clock.after(ALIVE_MS, () => {
      this.#sayLater();
      // Two more may fail before it is taken for dead.
      this.#say().catch(() => {});
    });
  }

  async #say(): Promise<void> {
    const nowMs = this.#aws.context.clock.nowMs();
    const tags = await tagsOf(this.#aws, this.#url);
    const alive = aliveIn(tags, nowMs);
    const dead = Object.keys(tags).filter((key) => key.startsWith(TAG) && !alive.includes(key));
    if (dead.length > 0) await this.#call('UntagQueue', { TagKeys: dead });
    if (alive.length >= TAGS_MAX && !alive.includes(this.#key)) return;
    await this.#call('TagQueue', { Tags: { [this.#key]: `${nowMs}` } });
  }

  #call(action: string, input: object): Promise<unknown> {
    return this.#aws.sqs(action, { QueueUrl: this.#url, ...input }, { target: this.#url });
  }
}

function aliveIn(tags: Readonly<Record<string, string>>, nowMs: number): string[] {
  return Object.entries(tags)
    .filter(([key, value]) => key.startsWith(TAG) && nowMs - Number(value) < DEAD_MS)
    .map(([key]) => key);
}
