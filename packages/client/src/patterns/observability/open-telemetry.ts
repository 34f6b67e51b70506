/**
 * Traces and metrics by OpenTelemetry's conventions, as an interceptor:
 *
 *   send ──► span "send orders" (producer), its context into the header traceparent
 *                └──────────────► span "process orders" (consumer), child of it or linked to it ──► handler
 *
 * The header travels with every engine, and across them; baggage does, too, when a propagator for it is registered. Without a
 * registered provider everything here does nothing, at the cost of a few calls.
 */
import type {
  Attributes,
  Context,
  Counter,
  Histogram,
  Link,
  MeterProvider,
  Span,
  SpanContext,
  Tracer,
  TracerProvider,
} from '@opentelemetry/api';
import { PolymqError } from '../../errors.ts';
import { backgroundClock } from '../../lib/clock.ts';
import type { Interceptor, Place } from '../../message/interceptor.ts';
import type { Message } from '../../message/message.ts';
import type { OutgoingMessage, WireMessage } from '../../message/wire-message.ts';
import { ATTRIBUTE, CONVENTIONS_VERSION, DURATION_BOUNDS_S, METRIC } from './conventions.ts';

type Api = typeof import('@opentelemetry/api');

export interface OpenTelemetryOptions {
  /** Missing: the global one. */
  tracerProvider?: unknown;
  /** Missing: the global one. */
  meterProvider?: unknown;
  /**
   * How the span of a handler knows the span that sent the message: as its parent (missing), so that one trace has the whole way, or by a
   * link, so that each message starts a trace of its own.
   */
  relation?: 'parent' | 'link';
}

const NAME = '@polymq/client';

/** Messages between being written and being sent: more than anybody sends in one batch. */
const SENDING_MAX = 200_000;
/** After so long nobody sends it any more: another interceptor has refused it. */
const SENDING_MS_MAX = 60_000;

/**
 * `mq.use(await openTelemetry())`. Rejects with `missing-package` if `@opentelemetry/api` is not installed. Give it to `use` before
 * interceptors that sign or encrypt headers (`encrypt({ headers: ['traceparent'] })`): those bind what is there when they are asked, and a header that is
 * changed behind them makes a dead letter of the message.
 */
export async function openTelemetry(options: OpenTelemetryOptions = {}): Promise<Interceptor> {
  return new Telemetry(await loadApi(), options);
}

async function loadApi(): Promise<Api> {
  try {
    return await import('@opentelemetry/api');
  } catch (cause: unknown) {
    throw new PolymqError(
      'missing-package',
      'tracing needs the package @opentelemetry/api: npm install @opentelemetry/api',
      { cause },
    );
  }
}

class Telemetry implements Interceptor {
  readonly name = 'openTelemetry';
  readonly #api: Api;
  readonly #tracer: Tracer;
  readonly #relation: 'parent' | 'link';
  readonly #operationDuration: Histogram;
  readonly #processDuration: Histogram;
  readonly #sent: Counter;
  readonly #consumed: Counter;
  readonly #settled: Counter;
  /** By message id, from `outgoing` to `send`: between them other interceptors may make other messages of it. */
  readonly #sending = new Map<string, { readonly span: Span; readonly sinceMs: number }>();
  #sweeping = false;

  constructor(
    api: Api,
    { tracerProvider, meterProvider, relation = 'parent' }: OpenTelemetryOptions,
  ) {
    this.#api = api;
    this.#relation = relation;
    const tracers = (tracerProvider as TracerProvider | undefined) ?? api.trace;
    const meters = (meterProvider as MeterProvider | undefined) ?? api.metrics;
    this.#tracer = tracers.getTracer(NAME, CONVENTIONS_VERSION);
    const meter = meters.getMeter(NAME, CONVENTIONS_VERSION);
    const seconds = { unit: 's', advice: { explicitBucketBoundaries: [...DURATION_BOUNDS_S] } };
    this.#operationDuration = meter.createHistogram(METRIC.operationDuration, seconds);
    this.#processDuration = meter.createHistogram(METRIC.processDuration, seconds);
    this.#sent = meter.createCounter(METRIC.sent, { unit: '{message}' });
    this.#consumed = meter.createCounter(METRIC.consumed, { unit: '{message}' });
    this.#settled = meter.createCounter(METRIC.settled, { unit: '{message}' });
  }

  outgoing(message: OutgoingMessage, place: Place): OutgoingMessage {
    const { trace, context, SpanKind } = this.#api;
    const span = this.#tracer.startSpan(`send ${place.name}`, {
      kind: SpanKind.PRODUCER,
      attributes: { ...this.#attributes(place, 'send'), ...sendAttributes(message) },
    });
    this.#remember(message.id, span);
    const headers: Record<string, string> = { ...message.headers };
    this.#inject(trace.setSpan(context.active(), span), headers);
    return { ...message, headers };
  }

  async send<R>(
    messages: readonly OutgoingMessage[],
    place: Place,
    next: () => Promise<R>,
  ): Promise<R> {
    const attributes = this.#attributes(place, 'send');
    const spans = messages.flatMap(({ id }) => this.#forget(id));
    if (messages.length > 1) {
      for (const span of spans) span.setAttribute(ATTRIBUTE.batchCount, messages.length);
    }
    const startMs = performance.now();
    let failure: Attributes = {};
    try {
      return await next();
    } catch (error: unknown) {
      failure = this.#failed(spans, error);
      throw error;
    } finally {
      const durationS = (performance.now() - startMs) / 1_000;
      this.#operationDuration.record(durationS, { ...attributes, ...failure });
      this.#sent.add(messages.length, { ...attributes, ...failure });
      for (const span of spans) span.end();
    }
  }

  async process(message: Message, place: Place, next: () => Promise<void>): Promise<void> {
    const { trace, context, SpanKind } = this.#api;
    const attributes = this.#attributes(place, 'process');
    const sender = this.#extract(message.headers);
    const links = this.#links(sender);
    const parent = this.#relation === 'parent' ? sender : context.active();
    const span = this.#tracer.startSpan(
      `process ${place.name}`,
      {
        kind: SpanKind.CONSUMER,
        attributes: { ...attributes, ...messageAttributes(message) },
        ...(links === undefined ? {} : { links, root: true }),
      },
      parent,
    );
    const startMs = performance.now();
    let failure: Attributes = {};
    try {
      await context.with(trace.setSpan(parent, span), next);
    } catch (error: unknown) {
      failure = this.#failed([span], error);
      throw error;
    } finally {
      const durationS = (performance.now() - startMs) / 1_000;
      this.#processDuration.record(durationS, { ...attributes, ...failure });
      this.#consumed.add(1, { ...attributes, ...failure });
      span.end();
    }
  }

  settled(_message: WireMessage, place: Place, outcome: string): void {
    this.#settled.add(1, { ...this.#attributes(place, 'settle'), [ATTRIBUTE.outcome]: outcome });
  }

  #attributes(place: Place, operation: 'send' | 'process' | 'settle'): Attributes {
    const attributes: Attributes = {
      [ATTRIBUTE.system]: place.system,
      [ATTRIBUTE.destination]: place.name,
      [ATTRIBUTE.operationName]: operation,
      [ATTRIBUTE.operationType]: operation,
    };
    if (place.group !== undefined) attributes[ATTRIBUTE.group] = place.group;
    return attributes;
  }

  #remember(id: string, span: Span): void {
    if (this.#sending.size >= SENDING_MAX) {
      const [oldest] = this.#sending;
      if (oldest !== undefined) this.#end(oldest[0]);
    }
    this.#end(id);
    this.#sending.set(id, { span, sinceMs: backgroundClock.nowMs() });
    this.#sweepLater();
  }

  /** One timer for all, and none while nothing is under way. */
  #sweepLater(): void {
    if (this.#sweeping || this.#sending.size === 0) return;
    this.#sweeping = true;
    backgroundClock.after(SENDING_MS_MAX, () => {
      this.#sweeping = false;
      const oldMs = backgroundClock.nowMs() - SENDING_MS_MAX;
      for (const [id, { sinceMs }] of this.#sending) {
        if (sinceMs > oldMs) break;
        this.#end(id);
      }
      this.#sweepLater();
    });
  }

  #forget(id: string): Span[] {
    const known = this.#sending.get(id);
    this.#sending.delete(id);
    return known === undefined ? [] : [known.span];
  }

  #end(id: string): void {
    for (const span of this.#forget(id)) span.end();
  }

  /** What the metrics say of the failure. */
  #failed(spans: readonly Span[], error: unknown): Attributes {
    const { SpanStatusCode } = this.#api;
    const known = error instanceof Error ? error : new Error(String(error));
    const kind = error instanceof PolymqError ? error.code : known.name;
    for (const span of spans) {
      span.recordException(known);
      span.setStatus({ code: SpanStatusCode.ERROR, message: known.message });
      span.setAttribute(ATTRIBUTE.errorType, kind);
    }
    return { [ATTRIBUTE.errorType]: kind };
  }

  #inject(context: Context, headers: Record<string, string>): void {
    const { propagation, trace, isSpanContextValid } = this.#api;
    propagation.inject(context, headers);
    const span = trace.getSpanContext(context);
    // Without a registered propagator the trace would end here; the header is the same for all of them.
    if (span !== undefined && isSpanContextValid(span))
      headers['traceparent'] ??= traceparent(span);
  }

  #extract(headers: Readonly<Record<string, string>>): Context {
    const { propagation, context, trace, isSpanContextValid } = this.#api;
    const extracted = propagation.extract(context.active(), headers);
    const known = trace.getSpanContext(extracted);
    if (known?.isRemote === true) return extracted;
    const said = parseTraceparent(headers['traceparent']);
    if (said === undefined || !isSpanContextValid(said)) return extracted;
    return trace.setSpanContext(extracted, said);
  }

  #links(sender: Context): Link[] | undefined {
    if (this.#relation === 'parent') return undefined;
    const context = this.#api.trace.getSpanContext(sender);
    return context === undefined ? undefined : [{ context }];
  }
}

function sendAttributes({ id, body, correlationId }: OutgoingMessage): Attributes {
  const attributes: Attributes = {
    [ATTRIBUTE.messageId]: id,
    [ATTRIBUTE.bodyBytes]: body.length,
  };
  if (correlationId !== undefined) attributes[ATTRIBUTE.conversationId] = correlationId;
  return attributes;
}

function messageAttributes(message: Message): Attributes {
  const attributes: Attributes = {
    [ATTRIBUTE.messageId]: message.id,
    [ATTRIBUTE.retryCount]: message.retryCount,
  };
  if (message.correlationId !== undefined) {
    attributes[ATTRIBUTE.conversationId] = message.correlationId;
  }
  if (message.partition !== undefined) attributes[ATTRIBUTE.partition] = String(message.partition);
  return attributes;
}

/** W3C Trace Context, section 3.2: version, trace id, parent id, flags. */
function traceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

function parseTraceparent(header: string | undefined): SpanContext | undefined {
  const match = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/.exec(header ?? '');
  if (match === null) return undefined;
  const [, traceId, spanId, flags] = match;
  return {
    traceId: traceId!,
    spanId: spanId!,
    traceFlags: Number.parseInt(flags!, 16),
    isRemote: true,
  };
}
