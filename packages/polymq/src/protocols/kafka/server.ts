/**
 * The part of the Kafka protocol that all its connections share: finds the handler of a request, counts,
 * and turns its answer into bytes.
 *
 *   frame ─► header ─► handler by API key ─► decode by (key, version) ─► handle ─► encode ─► buffers
 *
 * A request that no handler knows closes the connection, as on Kafka: without knowing its version nobody
 * can say how the answer would have to look. The one exception is ApiVersions, which exists to find out.
 */
import { ByteBudget } from '../../lib/byte-budget.ts';
import { ProtocolError } from '../../lib/bytes/protocol-error.ts';
import type { Counter } from '../../lib/counters.ts';
import type { Environment } from '../../lib/environment/environment.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Connection, Session } from '../../net/connection.ts';
import type { Framing } from '../../net/frame-reader.ts';
import type { ProtocolContext, ProtocolServer } from '../../net/protocol.ts';
import { containerGateway } from './advertised-address.ts';
import { decodeRequest, encodeResponse, supports } from './codec/codec.ts';
import type { RequestHeader } from './codec/headers.ts';
import type { ApiSpec } from './codec/spec.ts';
import { kafkaCode } from './errors.ts';
import { kafkaFraming } from './framing.ts';
import type { Handler } from './handler.ts';
import { range } from './handlers/18-api-versions.ts';
import { HANDLERS } from './handlers/index.ts';
import { Refusals } from './refusals.ts';
import { type Handling, RequestContext, type Shared } from './request-context.ts';
import { apiVersions } from './schema/18-api-versions.ts';
import { KafkaSession } from './session.ts';

interface Route {
  handler: Handler;
  requests: Counter;
}

export class KafkaServer implements ProtocolServer {
  readonly framing: Framing;
  readonly environment: Environment;
  readonly logger: Logger;
  /** Requests that wait or run, over all connections. */
  readonly requestBytes: ByteBudget;
  /** Responses that the kernel has not taken yet, over all connections. */
  readonly responseBytes: ByteBudget;
  readonly #context: ProtocolContext;
  readonly #routes = new Map<number, Route>();
  readonly #offered: ApiSpec[];
  readonly #unknown: Counter;
  readonly #shared: Shared;

  constructor(context: ProtocolContext) {
    this.#context = context;
    this.environment = context.environment;
    this.logger = context.logger;
    this.framing = kafkaFraming(context.limits.frameBytesMax);
    this.requestBytes = new ByteBudget(context.limits.requestsBytesMax);
    this.responseBytes = new ByteBudget(context.limits.responsesBytesMax);
    this.#offered = HANDLERS.map((handler) => handler.api);
    for (const handler of HANDLERS) {
      const requests = this.#requestCounter(handler.api.name);
      this.#routes.set(handler.api.key, { handler, requests });
    }
    this.#unknown = this.#requestCounter('unknown');
    this.#shared = {
      ...context,
      offered: this.#offered,
      responseBytes: this.responseBytes,
      refusals: new Refusals(context.counters, context.logger, context.environment.clock),
      gateway: undefined,
    };
    void containerGateway(context.environment.disk).then((gateway) => {
      this.#shared.gateway = gateway;
    });
  }

  connect(connection: Connection): Session {
    return new KafkaSession(connection, this);
  }

  async close(): Promise<void> {}

  /**
   * The response of one request as buffers; none if it wants no response. Throws or rejects with
   * `ProtocolError` if the connection must be closed.
   */
  handle(frame: Buffer, header: RequestHeader, handling: Handling): Buffer[] | Promise<Buffer[]> {
    const route = this.#routes.get(header.apiKey);
    if (!route) {
      this.#unknown.value += 1;
      throw new ProtocolError(`unknown API key ${header.apiKey}`);
    }
    route.requests.value += 1;
    const { api, handle } = route.handler;
    const version = header.apiVersion;
    if (!supports(api, version)) return this.#unsupported(api, header);
    const request = decodeRequest(api, version, frame, header.bodyStart);
    const response = handle(request, new RequestContext(header, handling, this.#shared));
    const encode = (body: Awaited<typeof response>): Buffer[] =>
      body === undefined ? [] : encodeResponse(api, version, header.correlationId, body);
    return response instanceof Promise ? response.then(encode) : encode(response);
  }

  /** A client that speaks a newer ApiVersions falls back to version 0, in which this is answered. */
  #unsupported(api: ApiSpec, header: RequestHeader): Buffer[] {
    if (api.key !== apiVersions.key) {
      const [first, last] = api.versions;
      throw new ProtocolError(
        `${api.name} version ${header.apiVersion} is not within [${first}, ${last}]`,
      );
    }
    return encodeResponse(apiVersions, 0, header.correlationId, {
      errorCode: kafkaCode('UNSUPPORTED_VERSION'),
      apiKeys: this.#offered.map(range),
    });
  }

  #requestCounter(api: string): Counter {
    return this.#context.counters.counter('polymq_kafka_requests_total', { api });
  }
}
