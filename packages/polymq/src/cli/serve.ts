/**
 * `polymq serve` and `polymq dev`: start the broker, say on standard output where it listens, run until a
 * signal, drain.
 *
 *   listening kafka://127.0.0.1:9092     one line each, once all are bound
 *   ready in 180 ms                      counted from the start of the process
 *
 * Programs read these lines, so their form does not change.
 */
import type { Logger } from '../lib/logger.ts';
import { formatHostPort } from '../server/address.ts';
import { type RunningBroker, startResolved } from '../server/broker.ts';
import type { ResolvedConfig } from '../server/config/resolve.ts';
import { createLogger } from '../server/logger.ts';
import type { Invocation } from './commands.ts';
import { loadConfig } from './load-config.ts';

export async function serve(invocation: Invocation): Promise<number> {
  const resolved = await loadConfig(invocation);
  return runUntilSignal(resolved, 'skip', announce);
}

/** In memory whatever is said elsewhere; usual ports as far as they are free, else any. */
export async function dev(invocation: Invocation): Promise<number> {
  const resolved = await loadConfig(invocation);
  const config = Object.freeze({ ...resolved.config, data: 'memory:' });
  return runUntilSignal({ ...resolved, config }, 'replace', (broker) => {
    announce(broker);
    announceEnvironment(broker);
  });
}

async function runUntilSignal(
  resolved: ResolvedConfig,
  takenPorts: 'skip' | 'replace',
  announceReady: (broker: RunningBroker) => void,
): Promise<number> {
  const logger = await createLogger(resolved.config.log, process.stderr.isTTY === true);
  const signal = nextSignal();
  dieLoudly(logger);
  const broker = await startResolved(resolved, { logger, takenPorts });
  announceReady(broker);
  const reason = await Promise.race([signal, broker.failed]);
  // A log that has stopped comes back only with a new process: end, so that a supervisor starts one.
  const failed = reason instanceof Error;
  logger.info({ reason: failed ? reason.message : reason }, 'stopping');
  await broker.stop();
  logger.info({}, 'stopped');
  return failed ? 1 : 0;
}

/** The first signal asks for a drain; the second one ends the process at once. */
function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (asked) process.exit(1);
      asked = true;
      resolve(signal);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}

/** A bug must not leave a broker half alive: log it and let the supervisor start a new one. */
function dieLoudly(logger: Logger): void {
  const die = (error: unknown): void => {
    logger.error({ error }, 'the broker has met a bug and ends; what was acknowledged is safe');
    process.exit(1);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
}

function announce(broker: RunningBroker): void {
  const lines = [
    ...broker.skipped.map(({ url, reason }) => `skipped ${url}: ${reason}`),
    ...broker.listeners.map(({ url }) => `listening ${url}`),
    `ready in ${Math.round(performance.now())} ms`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** The variables that programs of each protocol commonly read. */
const CLIENT_VARIABLES: Readonly<Record<string, (hostPort: string) => string>> = {
  kafka: (hostPort) => `KAFKA_BROKERS=${hostPort}`,
  amqp: (hostPort) => `AMQP_URL=amqp://guest:guest@${hostPort}`,
  aws: (hostPort) =>
    `AWS_ENDPOINT_URL_SQS=http://${hostPort} AWS_ENDPOINT_URL_SNS=http://${hostPort}`,
  redis: (hostPort) => `REDIS_URL=redis://${hostPort}`,
  mqtt: (hostPort) => `MQTT_URL=mqtt://${hostPort}`,
  stomp: (hostPort) => `STOMP_URL=stomp://guest:guest@${hostPort}`,
  http: (hostPort) => `POLYMQ_URL=http://${hostPort}`,
};

function announceEnvironment(broker: RunningBroker): void {
  const lines = broker.listeners.map(({ protocol, host, port }) => {
    const variable = CLIENT_VARIABLES[protocol];
    return variable === undefined ? '' : `export ${variable(formatHostPort(host, port))}`;
  });
  process.stdout.write(`${lines.filter((line) => line !== '').join('\n')}\n`);
}
