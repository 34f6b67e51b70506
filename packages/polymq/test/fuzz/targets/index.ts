import type { FuzzTarget } from '../target.ts';
import { amqpFrame, amqpProperties, amqpTable } from './amqp.ts';
import { awsJson, awsQuery } from './aws-wire.ts';
import { configFile } from './config-file.ts';
import { CODECS, decompressTarget } from './decompress.ts';
import { filterPolicy } from './filter-policy.ts';
import { frameReader } from './frame-reader.ts';
import { glob } from './glob.ts';
import { http } from './http.ts';
import { kafkaRequest } from './kafka-request.ts';
import { logRecovery } from './log-recovery.ts';
import { mqttPacket } from './mqtt-packet.ts';
import { recordBatch } from './record-batch.ts';
import { resp } from './resp.ts';
import { sigv4 } from './sigv4.ts';
import { stompFrame } from './stomp-frame.ts';
import { subscription } from './subscription.ts';
import { topicFilter } from './topic-filter.ts';
import { websocket, websocketOpening } from './websocket.ts';

/** Every parser that sees bytes which somebody else made. */
export const TARGETS: Readonly<Record<string, () => FuzzTarget | Promise<FuzzTarget>>> = {
  'kafka-request': kafkaRequest,
  'amqp-frame': amqpFrame,
  'amqp-table': amqpTable,
  'amqp-properties': amqpProperties,
  resp,
  glob,
  'mqtt-packet': mqttPacket,
  'topic-filter': topicFilter,
  'stomp-frame': stompFrame,
  websocket,
  'websocket-opening': websocketOpening,
  'frame-reader': frameReader,
  http,
  'aws-json': awsJson,
  'aws-query': awsQuery,
  sigv4,
  'record-batch': recordBatch,
  ...Object.fromEntries(
    CODECS.map((codec) => [`decompress-${codec}`, () => decompressTarget(codec)]),
  ),
  subscription,
  'filter-policy': filterPolicy,
  'log-recovery': logRecovery,
  'config-file': configFile,
};
