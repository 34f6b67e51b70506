/**
 * SQS and SNS over one HTTP endpoint: who asks, what for, and the answer in the wire format of the question.
 *
 *   request ─► authenticate ─► action ─► input ─► handler ─► answer
 *                   └────────────┴─────────┴─────────┴─────► error, in the same format
 */

import { ByteBudget } from '../../lib/byte-budget.ts';
import type { Counter, Counters } from '../../lib/counters.ts';
import type { Environment } from '../../lib/environment/environment.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Connection, Session } from '../../net/connection.ts';
import type { HttpAnswer, HttpExchange, HttpService } from '../../net/http/http-exchange.ts';
import { HttpSession } from '../../net/http/http-session.ts';
import { isLoopback } from '../../net/loopback.ts';
import type { ProtocolContext, ProtocolServer } from '../../net/protocol.ts';
import { type Authenticator, createAuthenticator, type Signer } from './auth/index.ts';
import type { AwsCall, AwsHandler } from './call.ts';
import { type Asked, actionOf, askedBy, inputOf } from './dispatch.ts';
import { type AwsOptions, fallbackRegion, readOptions } from './options.ts';
import { openDelivery } from './sns/delivery/delivery-workers.ts';
import { Sns } from './sns/index.ts';
import { Sqs } from './sqs/index.ts';
import {
  type Action,
  AwsError,
  encodeError,
  encodeJson,
  encodeXml,
  JSON_TYPE,
  SNS,
  SQS,
  toAwsError,
  XML_TYPE,
} from './wire/index.ts';

/** Beyond the largest message: escapes in JSON and forms make a body longer than what it says. */
const BODY_FACTOR = 3;
const BODY_BYTES_MIN: number = 2 * 1024 * 1024;
/** What fits into the memory that a connection gathers a request in. */
const BODY_BYTES_MAX: number = 32 * 1024 * 1024;

export class AwsServer implements ProtocolServer, HttpService {
  readonly bodyBytesMax: number;
  readonly #environment: Environment;
  readonly #logger: Logger;
  readonly #counters: Counters;
  readonly #options: AwsOptions;
  readonly #authenticator: Authenticator;
  readonly #sqs: Sqs;
  readonly #sns: Sns;
  readonly #handlers: ReadonlyMap<Action, AwsHandler>;
  /** Memory of requests that have not come whole, over all connections. */
  readonly #arriving: ByteBudget;
  /** Requests by action. */
  readonly #requests = new Map<Action, Counter>();

  constructor(context: ProtocolContext) {
    const { broker, environment, logger, counters } = context;
    this.#environment = environment;
    this.#logger = logger;
    this.#counters = counters;
    const options = readOptions(context.settings, context.secrets, context.advertised);
    this.#options = options;
    this.#arriving = new ByteBudget(context.limits.requestsBytesMax);
    this.#authenticator = createAuthenticator(options.credentials, environment.clock);
    this.bodyBytesMax = Math.min(
      BODY_BYTES_MAX,
      Math.max(BODY_BYTES_MIN, options.messageBytesMax * BODY_FACTOR),
    );
    this.#sns = new Sns({
      ...{ broker, environment, logger, counters, options },
      createDelivery: (delivery) => openDelivery({ ...delivery, counters }),
    });
    this.#sqs = new Sqs({ broker, environment, logger, options, topics: this.#sns });
    this.#handlers = new Map([
      ...handlersOf(SQS.actions, this.#sqs.handlers),
      ...handlersOf(SNS.actions, this.#sns.handlers),
    ]);
  }

  connect(connection: Connection): Session {
    const { clock, timers } = this.#environment;
    const options = { clock, timers, logger: this.#logger, arriving: this.#arriving };
    return new AwsSession(connection, this, options);
  }

  async close(): Promise<void> {
    await this.#sqs.close();
    await this.#sns.close();
  }

  /** The broker stops: who waits for a message is answered. */
  stopWaiting(): void {
    this.#sqs.stopWaiting();
  }

  handle(exchange: HttpExchange): void {
    if (this.#sns.handleGet(exchange)) return;
    const { request } = exchange;
    const requestId = this.#environment.random.uuid();
    let asked: Asked = { wire: 'query', service: SQS, name: '', pairs: [] };
    try {
      const scope = this.#authenticator.scopeOf(request);
      asked = askedBy(request, scope?.service);
      const call = this.#callOf(exchange, requestId, this.#signerOf(exchange, scope));
      const action = actionOf(asked);
      const handler = this.#handlers.get(action)!;
      this.#count(asked, action);
      const output = handler(inputOf(asked, action, request), call);
      if (!(output instanceof Promise)) {
        this.#answer(exchange, asked, action, { output, requestId });
        return;
      }
      output.then(
        (known) => this.#answer(exchange, asked, action, { output: known, requestId }),
        (error: unknown) => this.#fail(exchange, asked, requestId, error),
      );
    } catch (error: unknown) {
      this.#fail(exchange, asked, requestId, error);
    }
  }

  refuse(status: number, reason: string): HttpAnswer {
    return {
      status,
      contentType: JSON_TYPE,
      body: JSON.stringify({ __type: 'com.amazon.coral.service#BadRequest', message: reason }),
    };
  }

  #callOf(exchange: HttpExchange, requestId: string, signer: Signer | undefined): AwsCall {
    const { region, accountId } = this.#options;
    return {
      requestId,
      origin: this.#originOf(exchange),
      region: region === '' ? (signer?.region ?? fallbackRegion(this.#options)) : region,
      accountId,
      accessKeyId: signer?.accessKeyId ?? accountId,
      exchange,
    };
  }

  /** With access keys configured, the request has to be signed with one; without, it has to come from this machine. */
  #signerOf(
    { request, remoteAddress }: HttpExchange,
    claimed: Signer | undefined,
  ): Signer | undefined {
    if (this.#options.credentials.size > 0) return this.#authenticator.authenticate(request);
    if (isLoopback(remoteAddress)) return claimed;
    throw new AwsError(
      'AccessDenied',
      'This broker has no access keys (setting aws.accessKeys), so it serves clients on its own machine only.',
    );
  }

  #originOf({ request, localAddress, localPort }: HttpExchange): string {
    const { advertised } = this.#options;
    if (advertised !== undefined) return `http://${hostText(advertised)}`;
    const host = request.header('host');
    return `http://${host || hostText({ host: localAddress, port: localPort })}`;
  }

  #count({ service }: Asked, action: Action): void {
    let counter = this.#requests.get(action);
    if (counter === undefined) {
      const labels = { service: service.service, action: action.name };
      counter = this.#counters.counter('polymq_aws_requests_total', labels);
      this.#requests.set(action, counter);
    }
    counter.value += 1;
  }

  #answer(
    exchange: HttpExchange,
    { wire, service }: Asked,
    action: Action,
    { output, requestId }: { output: object; requestId: string },
  ): void {
    const json = wire === 'json';
    exchange.answer({
      status: 200,
      contentType: json ? JSON_TYPE : XML_TYPE,
      headers: [['x-amzn-requestid', requestId]],
      body: json ? encodeJson(action, output) : encodeXml({ service, action, output, requestId }),
    });
  }

  #fail(exchange: HttpExchange, asked: Asked, requestId: string, thrown: unknown): void {
    const { wire, service, name } = asked;
    const error = toAwsError(thrown, service.service);
    const labels = { service: service.service, code: error.code };
    this.#counters.counter('polymq_aws_errors_total', labels).value += 1;
    if (error !== thrown && error.cause === thrown && isFailure(error)) {
      this.#logger.error({ error: thrown, action: name, requestId }, 'a request failed');
    }
    exchange.answer(encodeError({ wire, service, error, requestId }));
  }
}

/** A connection; when the broker stops, what waits on it is answered first. */
class AwsSession extends HttpSession {
  readonly #server: AwsServer;

  constructor(
    connection: Connection,
    server: AwsServer,
    options: ConstructorParameters<typeof HttpSession>[2],
  ) {
    super(connection, server, options);
    this.#server = server;
  }

  override drain(): void {
    super.drain();
    this.#server.stopWaiting();
  }
}

function handlersOf(
  actions: ReadonlyMap<string, Action>,
  handlers: Readonly<Record<string, AwsHandler>>,
): [Action, AwsHandler][] {
  return [...actions.values()].map((action) => {
    const handler = handlers[action.name];
    if (handler === undefined) throw new Error(`nobody handles ${action.name}`);
    return [action, handler];
  });
}

function isFailure({ code }: AwsError): boolean {
  return code === 'InternalFailure' || code === 'InternalError';
}

function hostText({ host, port }: { host: string; port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
