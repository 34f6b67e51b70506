import { randomBytes } from 'node:crypto';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createClient } from '../../client/create-client.ts';
import { MemoryDriver } from '../../driver/testing/memory-driver.ts';
import { encrypt } from '../crypto/encrypt.ts';
import { saga } from '../saga/saga.ts';
import { openTelemetry } from './open-telemetry.ts';

let spans: InMemorySpanExporter;
let tracerProvider: BasicTracerProvider;
let meterProvider: MeterProvider;
let metrics: InMemoryMetricExporter;

beforeEach(() => {
  spans = new InMemorySpanExporter();
  tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
  metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  meterProvider = new MeterProvider({
    readers: [
      new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 3_600_000 }),
    ],
  });
});

async function sendAndConsume(
  relation: 'parent' | 'link',
  handler: () => unknown = () => undefined,
): Promise<Record<string, string>[]> {
  const mq = createClient(new MemoryDriver());
  mq.use(await openTelemetry({ tracerProvider, meterProvider, relation }));
  const orders = mq.queue<string>('orders', { retry: false });
  const headers: Record<string, string>[] = [];
  await orders.sendBatch([{ data: 'a', correlationId: 'c1' }, { data: 'b' }]);
  let left = 2;
  const consumer = orders.consume(async (message) => {
    headers.push({ ...message.headers });
    left -= 1;
    await handler();
  });
  while (left > 0) await new Promise((resolve) => setImmediate(resolve));
  await consumer.close();
  await mq.close();
  return headers;
}

async function counted(): Promise<Record<string, unknown>> {
  await meterProvider.forceFlush();
  const scopes = metrics.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
  const points = scopes.flatMap((scope) => scope.metrics);
  return Object.fromEntries(
    points.map(({ descriptor, dataPoints }) => [
      descriptor.name,
      dataPoints.map(({ value, attributes }) => {
        return { value: typeof value === 'number' ? value : value.count, ...attributes };
      }),
    ]),
  );
}

describe('OpenTelemetry', () => {
  it('makes one trace of sending and handling', async () => {
    const headers = await sendAndConsume('parent');
    const all = spans.getFinishedSpans();
    const sent = all.filter(({ name }) => name === 'send orders');
    const handled = all.filter(({ name }) => name === 'process orders');
    expect(sent).toHaveLength(2);
    expect(handled).toHaveLength(2);
    for (const [index, send] of sent.entries()) {
      const { traceId, spanId } = send.spanContext();
      expect(headers[index]?.['traceparent']).toBe(`00-${traceId}-${spanId}-01`);
      expect(handled[index]?.spanContext().traceId).toBe(traceId);
      expect(handled[index]?.parentSpanContext?.spanId).toBe(spanId);
    }
    expect(sent[0]?.attributes).toMatchObject({
      'messaging.system': 'memory',
      'messaging.destination.name': 'orders',
      'messaging.operation.type': 'send',
      'messaging.message.conversation_id': 'c1',
      'messaging.batch.message_count': 2,
    });
    expect(handled[0]?.attributes).toMatchObject({ 'polymq.message.retry_count': 0 });
  });

  it('links instead when it is asked to', async () => {
    await sendAndConsume('link');
    const all = spans.getFinishedSpans();
    const send = all.find(({ name }) => name === 'send orders')!;
    const handled = all.find(({ name }) => name === 'process orders')!;
    expect(handled.parentSpanContext).toBeUndefined();
    expect(handled.spanContext().traceId).not.toBe(send.spanContext().traceId);
    expect(handled.links[0]?.context).toMatchObject({ spanId: send.spanContext().spanId });
  });

  it('counts by the names of the conventions', async () => {
    await sendAndConsume('parent');
    expect(await counted()).toMatchObject({
      'messaging.client.sent.messages': [{ value: 2, 'messaging.destination.name': 'orders' }],
      'messaging.client.consumed.messages': [{ value: 2 }],
      'messaging.client.operation.duration': [{ value: 1 }],
      'messaging.process.duration': [{ value: 2 }],
      'polymq.client.settled.messages': [{ value: 2, 'polymq.message.outcome': 'ack' }],
    });
  });

  it('marks what failed, and says with what', async () => {
    await sendAndConsume('parent', () => {
      throw new TypeError('no');
    });
    const handled = spans.getFinishedSpans().find(({ name }) => name === 'process orders')!;
    expect(handled.status).toEqual({ code: 2, message: 'no' });
    expect(handled.attributes['error.type']).toBe('TypeError');
    expect(handled.events.map(({ name }) => name)).toEqual(['exception']);
    expect(await counted()).toMatchObject({
      'messaging.client.consumed.messages': [{ value: 2, 'error.type': 'TypeError' }],
      'polymq.client.settled.messages': [{ value: 2, 'polymq.message.outcome': 'dead-letter' }],
    });
  });

  it('follows each message of a large batch to where it was sent', async () => {
    const mq = createClient(new MemoryDriver());
    mq.use(await openTelemetry({ tracerProvider, meterProvider }));
    const count = 10_500;
    await mq.topic('orders').publishBatch(Array.from({ length: count }, (_, data) => ({ data })));
    const sent = spans.getFinishedSpans();
    expect(sent).toHaveLength(count);
    const early = sent.filter(
      ({ attributes }) => attributes['messaging.batch.message_count'] === undefined,
    );
    expect(early).toEqual([]);
    await mq.close();
  });

  it('ends the span of a message that another interceptor has refused', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    try {
      const mq = createClient(new MemoryDriver());
      mq.use(await openTelemetry({ tracerProvider, meterProvider }));
      const refuse = (): never => {
        throw new Error('refused');
      };
      mq.use({ name: 'refuse', outgoing: refuse });
      await expect(mq.queue('orders').send(1)).rejects.toThrow('refused');
      expect(spans.getFinishedSpans()).toEqual([]);
      await vi.advanceTimersByTimeAsync(60_000);
      expect(spans.getFinishedSpans().map(({ name }) => name)).toEqual(['send orders']);
      await mq.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it('has what a saga sends in the trace of the message that led to it', async () => {
    const mq = createClient(new MemoryDriver());
    mq.use(await openTelemetry({ tracerProvider, meterProvider }));
    const order = saga(mq, 'order', { store: 'memory' }).startedBy('Begin', (ctx) => {
      ctx.send('steps', {}, { type: 'do' });
    });
    const consumer = order.start();
    await order.send('Begin', {}, { correlationId: '1' });
    const steps = mq.queue('steps');
    await expect.poll(async () => (await steps.stats()).ready).toBe(1);
    const { traceparent } = (await steps.receive())!.headers;
    const sent = spans.getFinishedSpans().find(({ name }) => name === 'send steps');
    expect(traceparent).toContain(sent?.spanContext().spanId);
    await consumer.close();
    await mq.close();
  });

  it('may have its header bound by encryption that is asked after it', async () => {
    const telemetry = await openTelemetry({ tracerProvider, meterProvider });
    const bind = encrypt({ keys: { k: randomBytes(32) }, use: 'k', headers: ['traceparent'] });
    const reasons: (string | undefined)[] = [];
    for (const interceptors of [
      [telemetry, bind],
      [bind, telemetry],
    ]) {
      const mq = createClient(new MemoryDriver(), { interceptors });
      const orders = mq.queue('orders', { retry: false });
      let handled = 0;
      const consumer = orders.consume(() => {
        handled += 1;
      });
      await orders.send('a');
      await expect.poll(async () => handled + (await orders.deadLetters.stats()).ready).toBe(1);
      reasons.push((await orders.deadLetters.list())[0]?.reason);
      await consumer.close();
      await mq.close();
    }
    expect(reasons).toEqual([undefined, expect.stringMatching(/decrypt/)]);
    const all = spans.getFinishedSpans();
    const sent = all.find(({ name }) => name === 'send orders');
    const handled = all.find(({ name }) => name === 'process orders');
    expect(handled?.parentSpanContext?.spanId).toBe(sent?.spanContext().spanId);
  });
});
