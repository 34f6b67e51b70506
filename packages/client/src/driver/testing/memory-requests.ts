/** Requests and replies of the memory driver: to whoever serves, in turn. */
import type { OutgoingMessage, WireMessage } from '../../message/wire-message.ts';
import type { RequestDriver } from '../driver.ts';

interface Server {
  readonly prefetch: number;
  readonly sink: (request: WireMessage, done: () => void) => void;
  open: number;
}

export class MemoryRequests implements RequestDriver {
  readonly #inboxes = new Map<string, (reply: WireMessage) => void>();
  readonly #servers = new Map<string, Server[]>();
  readonly #waiting = new Map<string, WireMessage[]>();

  async openReplies(sink: (reply: WireMessage) => void): Promise<{ readonly address: string }> {
    const address = `memory-inbox-${this.#inboxes.size + 1}`;
    this.#inboxes.set(address, sink);
    return { address };
  }

  async request(service: string, message: OutgoingMessage): Promise<'sent' | 'no-responder'> {
    if ((this.#servers.get(service) ?? []).length === 0) return 'no-responder';
    this.#waiting.set(service, [...(this.#waiting.get(service) ?? []), message]);
    queueMicrotask(() => this.#feed(service));
    return 'sent';
  }

  async serve(
    service: string,
    prefetch: number,
    sink: (request: WireMessage, done: () => void) => void,
  ): Promise<{ close(): Promise<void> }> {
    const server: Server = { prefetch, sink, open: 0 };
    this.#servers.set(service, [...(this.#servers.get(service) ?? []), server]);
    return {
      close: async () => {
        const others = this.#servers.get(service)!.filter((other) => other !== server);
        this.#servers.set(service, others);
      },
    };
  }

  async reply(address: string, message: OutgoingMessage): Promise<void> {
    queueMicrotask(() => this.#inboxes.get(address)?.(message));
  }

  #feed(service: string): void {
    const waiting = this.#waiting.get(service) ?? [];
    const servers = this.#servers.get(service) ?? [];
    for (;;) {
      const free = servers
        .filter(({ open, prefetch }) => open < prefetch)
        .sort((a, b) => a.open - b.open)[0];
      const request = free === undefined ? undefined : waiting.shift();
      if (free === undefined || request === undefined) return;
      free.open += 1;
      free.sink(request, () => {
        free.open -= 1;
        this.#feed(service);
      });
    }
  }
}
