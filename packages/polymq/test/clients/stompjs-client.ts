/** Programs with @stomp/stompjs, over TCP and over WebSocket. */
import { connect, type Socket } from 'node:net';
import {
  Client,
  type IFrame,
  type IMessage,
  type StompConfig,
  type StompHeaders,
} from '@stomp/stompjs';
import { WebSocket } from 'ws';
import { eventually } from './peer.ts';
import type { StompPeer } from './stomp-peer.ts';

export type Transport = 'tcp' | 'ws';

export const TRANSPORTS: readonly Transport[] = ['tcp', 'ws'];

/** As much of a WebSocket as stompjs asks for, over plain TCP: its documents advise programs to bring their own. */
class TcpSocket {
  readonly url = '';
  binaryType = 'arraybuffer';
  readyState = 0;
  onopen: (() => void) | undefined;
  onmessage: ((event: { data: ArrayBuffer }) => void) | undefined;
  onclose: ((event: unknown) => void) | undefined;
  onerror: ((event: unknown) => void) | undefined;
  readonly #socket: Socket;

  constructor(port: number) {
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.#socket.on('connect', () => {
      this.readyState = 1;
      this.onopen?.();
    });
    this.#socket.on('data', (bytes) => this.onmessage?.({ data: new Uint8Array(bytes).buffer }));
    this.#socket.on('error', (error) => this.onerror?.(error));
    this.#socket.on('close', () => {
      this.readyState = 3;
      this.onclose?.({ code: 1000 });
    });
  }

  send(data: string | ArrayBuffer): void {
    this.#socket.write(typeof data === 'string' ? data : new Uint8Array(data));
  }

  close(): void {
    this.#socket.end();
  }

  terminate(): void {
    this.#socket.destroy();
  }
}

const open: Client[] = [];

export interface Connected {
  client: Client;
  /** ERROR frames that have come. */
  errors: IFrame[];
  /** Resolves when the connection is gone. */
  closed: Promise<void>;
  /** Sends, and resolves with the receipt. */
  send(destination: string, body: string | Uint8Array, headers?: StompHeaders): Promise<void>;
  subscribe(destination: string, headers?: StompHeaders): Promise<Inbox>;
}

export interface Inbox {
  messages: IMessage[];
  /** Resolves with all messages when there are so many. */
  waitFor(count: number): Promise<IMessage[]>;
  unsubscribe(headers?: StompHeaders): void;
}

/** Connects; resolves when the broker has answered. Connections end with `closeAll`. */
export async function connectStompjs(
  peer: StompPeer,
  transport: Transport = 'tcp',
  config: Partial<StompConfig> = {},
): Promise<Connected> {
  const errors: IFrame[] = [];
  const client = new Client({
    webSocketFactory: () =>
      transport === 'ws'
        ? new WebSocket(peer.webSocketUrl, ['v12.stomp', 'v11.stomp', 'v10.stomp'])
        : (new TcpSocket(peer.port) as never),
    connectHeaders: { login: 'guest', passcode: 'guest', host: '/' },
    forceBinaryWSFrames: transport === 'tcp',
    reconnectDelay: 0,
    heartbeatIncoming: 0,
    heartbeatOutgoing: 0,
    ...config,
  });
  open.push(client);
  client.onStompError = (frame) => void errors.push(frame);
  let gone!: () => void;
  const closed = new Promise<void>((resolve) => (gone = resolve));
  await new Promise<void>((resolve, reject) => {
    client.onConnect = () => resolve();
    client.onWebSocketClose = () => {
      gone();
      reject(new Error(errors[0]?.body ?? 'the connection was closed'));
    };
    client.activate();
  });
  return { client, errors, closed, ...verbs(client) };
}

export async function closeAll(): Promise<void> {
  await Promise.all(open.splice(0).map((client) => client.deactivate({ force: true })));
}

let receipts = 0;

function verbs(client: Client): Pick<Connected, 'send' | 'subscribe'> {
  const receipt = (): { id: string; answered: Promise<void> } => {
    receipts += 1;
    const id = `receipt-${receipts}`;
    return { id, answered: new Promise((resolve) => client.watchForReceipt(id, () => resolve())) };
  };
  return {
    async send(destination, body, headers = {}) {
      const { id, answered } = receipt();
      const content = typeof body === 'string' ? { body } : { binaryBody: body };
      client.publish({ destination, ...content, headers: { ...headers, receipt: id } });
      await answered;
    },
    async subscribe(destination, headers = {}) {
      const { id, answered } = receipt();
      const messages: IMessage[] = [];
      let wake = (): void => undefined;
      const { unsubscribe } = client.subscribe(
        destination,
        (message) => {
          messages.push(message);
          wake();
        },
        { ...headers, receipt: id },
      );
      await answered;
      return {
        messages,
        unsubscribe,
        async waitFor(count) {
          while (messages.length < count) await new Promise<void>((resolve) => (wake = resolve));
          return messages;
        },
      };
    },
  };
}

/** Waits until the assertions hold. */
export async function until(assert: () => void): Promise<void> {
  await eventually('what is expected', () => {
    assert();
    return true;
  });
}
