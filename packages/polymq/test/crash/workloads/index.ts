import { AmqpWorkload } from './amqp.ts';
import { KafkaWorkload } from './kafka.ts';
import { MqttWorkload } from './mqtt.ts';
import { SqsWorkload } from './sqs.ts';
import { StompWorkload } from './stomp.ts';
import type { Workload, WorkloadContext } from './workload.ts';

/** Every protocol has one, by the name that `--workload` takes. */
export const WORKLOADS: Readonly<Record<string, (context: WorkloadContext) => Workload>> = {
  amqp: (context) => new AmqpWorkload(context),
  kafka: (context) => new KafkaWorkload(context),
  mqtt: (context) => new MqttWorkload(context),
  sqs: (context) => new SqsWorkload(context),
  stomp: (context) => new StompWorkload(context),
};
