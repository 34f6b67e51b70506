/** Queues over a fake store and a clock that tests move. */
import { SeededRandom } from '../../../lib/environment/simulated/seeded-random.ts';
import { SimulatedClock } from '../../../lib/environment/simulated/simulated-clock.ts';
import { SimulatedDisk } from '../../../lib/environment/simulated/simulated-disk.ts';
import { silentLogger } from '../../../lib/logger.ts';
import type { MessageView } from '../../message/message-bytes.ts';
import { MessageDraft } from '../../message/message-draft.ts';
import type { CoreQueue } from '../core-queue.ts';
import type { Queue, QueueConsumer } from '../queue.ts';
import { QueueCatalogue } from '../queue-catalogue.ts';
import type { QueueDefinition, QueueSettings } from '../queue-definition.ts';
import { QUEUE_LIMITS, type QueueLimits } from '../queue-limits.ts';
import { type QueueCommand, QueueTable } from '../queue-table.ts';
import { FakeMessageStore } from './fake-message-store.ts';

export interface Kit {
  clock: SimulatedClock;
  store: FakeMessageStore;
  table: QueueTable;
  queues: QueueCatalogue;
  /** What the meta log fails with, while it is set. */
  writer: { error: Error | undefined };
  /** Declares a queue `q`, or of that name, durable. */
  queue(
    settings?: QueueSettings,
    options?: Partial<QueueDefinition>,
    name?: string,
  ): Promise<CoreQueue>;
}

export function kit(limits: Partial<QueueLimits> = {}): Kit {
  const clock = new SimulatedClock();
  const store = new FakeMessageStore(clock);
  const table = new QueueTable();
  const environment = {
    clock,
    timers: clock,
    random: new SeededRandom(1),
    disk: new SimulatedDisk().attach(),
    network: undefined as never,
    outbound: undefined as never,
  };
  const writer = {
    error: undefined as Error | undefined,
    propose: async (command: QueueCommand) => {
      if (writer.error !== undefined) throw writer.error;
      table.apply(command);
    },
  };
  const queues = new QueueCatalogue({
    environment,
    store,
    table,
    writer,
    limits: { ...QUEUE_LIMITS, ...limits },
    logger: silentLogger,
  });
  queues.restored();
  return {
    clock,
    store,
    table,
    queues,
    writer,
    queue: (settings, options, name = 'q') =>
      queues.declare('', name, definition(settings, options)),
  };
}

export function definition(
  settings: QueueSettings = {},
  options: Partial<QueueDefinition> = {},
): QueueDefinition {
  return { durable: true, autoDelete: false, exclusive: false, declared: {}, settings, ...options };
}

export interface TestMessage {
  priority?: number;
  ttlMs?: number;
  dueMs?: number;
  groupId?: string;
  persistent?: boolean;
}

export function message(body: string, options: TestMessage = {}): MessageDraft {
  const draft = new MessageDraft();
  draft.persistent = options.persistent ?? true;
  draft.priority = options.priority ?? 0;
  draft.ttlMs = options.ttlMs ?? -1;
  draft.dueMs = options.dueMs ?? 0;
  draft.groupId = options.groupId;
  draft.setNames('ex', 'key');
  draft.setContent(Buffer.from('props'), Buffer.from(body));
  return draft;
}

export interface Delivery {
  body: string;
  row: number;
  redelivered: boolean;
}

/** Takes as many messages as it has credit for. */
export class TestConsumer implements QueueConsumer {
  readonly noAck: boolean;
  readonly deliveries: Delivery[] = [];
  credit: number;
  asked = 0;
  cancelled = 0;
  onDelivery: ((queue: Queue, row: number, view: MessageView) => void) | undefined;

  constructor(credit: number = Number.POSITIVE_INFINITY, noAck = false) {
    this.credit = credit;
    this.noAck = noAck;
  }

  get bodies(): string[] {
    return this.deliveries.map(({ body }) => body);
  }

  ready(): boolean {
    this.asked += 1;
    return this.credit > 0;
  }

  deliver(queue: Queue, row: number, view: MessageView, redelivered: boolean): void {
    this.credit -= 1;
    this.deliveries.push({ body: view.body.toString(), row, redelivered });
    this.onDelivery?.(queue, row, view);
  }

  onCancelled(): void {
    this.cancelled += 1;
  }
}

/** The ready messages from the head, without touching them. */
export async function bodies(queue: Queue): Promise<string[]> {
  const found: string[] = [];
  await queue.peek(1_000_000, (view) => found.push(view.body.toString()));
  return found;
}

/** Lets everything happen that waits for a later turn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
