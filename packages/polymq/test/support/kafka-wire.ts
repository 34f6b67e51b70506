/** A Kafka client that is nothing but the wire: one connection, any API in any version. */
import net from 'node:net';
import { decodeResponse, encodeRequest } from '../../src/protocols/kafka/codec/codec.ts';
import type {
  ApiSpec,
  DecodedResponse,
  RequestInput,
} from '../../src/protocols/kafka/codec/spec.ts';

export class KafkaWire {
  readonly #socket: net.Socket;
  readonly #waiting: ((frame: Buffer | Error) => void)[] = [];
  #received = Buffer.alloc(0);
  #correlationId = 0;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('close', () => this.#onClose());
    socket.on('error', () => undefined);
  }

  static connect(port: number, host = '127.0.0.1'): Promise<KafkaWire> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ port, host, noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new KafkaWire(socket)));
    });
  }

  /** Sends a request and resolves with the decoded response; rejects if the connection is closed. */
  async request<Api extends ApiSpec>(
    api: Api,
    version: number,
    body: RequestInput<Api>,
  ): Promise<DecodedResponse<Api>> {
    const correlationId = ++this.#correlationId;
    const frame = await this.exchange(
      encodeRequest(api, version, { correlationId, clientId: 'wire' }, body),
    );
    const response = decodeResponse(api, version, frame);
    if (response.correlationId !== correlationId) {
      throw new Error(`answer ${response.correlationId} to request ${correlationId}`);
    }
    return response.body;
  }

  /** Sends bytes as they are and resolves with the next frame, without its size. */
  async exchange(buffers: readonly Buffer[]): Promise<Buffer> {
    const answer = this.nextFrame();
    this.send(buffers);
    return answer;
  }

  send(buffers: readonly Buffer[]): void {
    this.#socket.write(Buffer.concat(buffers));
  }

  nextFrame(): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push((frame) => (frame instanceof Error ? reject(frame) : resolve(frame)));
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readInt32BE(0);
      if (this.#received.length < end) return;
      const frame = this.#received.subarray(4, end);
      this.#received = this.#received.subarray(end);
      this.#waiting.shift()?.(frame);
    }
  }

  #onClose(): void {
    for (const settle of this.#waiting.splice(0)) settle(new Error('connection closed'));
  }
}
