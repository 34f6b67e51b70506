/**
 * `npm run test:large -- --live`: subscribers that are many, or that do not read. `--seconds` shortens it.
 *
 *   redis, mqtt0, mqtt1, stomp   a hundred stalled subscribers while 10 MB/s are published: what the broker keeps for
 *                                them, that they are cut, and what it costs those that read
 *   idle                         ten thousand MQTT connections that do nothing
 */
import { mqttAtLeastOnce, mqttAtMostOnce, redis, stomp } from './live-clients.ts';
import { stalled } from './live-stalled.ts';
import { idle } from './mqtt-idle.ts';
import { type Parts, runParts } from './parts.ts';

const PARTS: Parts = {
  redis: (options) => stalled(redis, options),
  mqtt0: (options) => stalled(mqttAtMostOnce, options),
  mqtt1: (options) => stalled(mqttAtLeastOnce, options),
  stomp: (options) => stalled(stomp, options),
  idle,
};

export function largeLive(args: string[]): Promise<number> {
  return runParts('live', PARTS, args, 0);
}
