/** The way in: what `connect` and `embed` answer. */
import type { Driver } from '../driver/driver.ts';
import type { Clock } from '../lib/clock.ts';
import type { Interceptor } from '../message/interceptor.ts';
import type { CloseOptions, Queue, QueueOptions } from '../queue/queue.ts';
import type { Topic, TopicOptions } from '../topic/topic.ts';

export interface Client extends AsyncDisposable {
  /** The engine as people call it. */
  readonly engine: string;
  readonly clock: Clock;
  /** For patterns and tools that need the engine itself. */
  readonly driver: Driver;
  /**
   * The queue of that name, declared with its first use. The same name with the same options is the same queue; with others it throws
   * `declared-otherwise`. The name alone is the queue as it was or will be made: options may come later, before it is declared in another
   * way or consumed. Functions count as the same if their text is, contracts if name and version are. Throws `UnsupportedError` if the engine lacks what the options need.
   */
  queue<T = unknown>(name: string, options?: QueueOptions<T>): Queue<T>;
  /** The topic of that name; as `queue`. */
  topic<T = unknown>(name: string, options?: TopicOptions<T>): Topic<T>;
  /** For everything that is made from now on. */
  use(interceptor: Interceptor): void;
  /** Throws `UnsupportedError` if the engine lacks the capability. */
  require(capability: import('../driver/capabilities.ts').Capability): void;
  /** Called when the connection is lost and when it is back. Returns a function that stops it. */
  onConnection(listener: (state: 'lost' | 'back', error?: Error) => void): () => void;
  /** Closes consumers and subscriptions (see `Consumer.close`), then the connection. Idempotent. */
  close(options?: CloseOptions): Promise<void>;
}
