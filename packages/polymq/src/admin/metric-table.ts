/**
 * Every metric of the broker by name, one row each: the row feeds the metrics page and
 * `docs/reference/metrics.md`. Names have the prefix `polymq_`, base units, and `_total` if they only grow.
 */
export interface MetricRow {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Label names, for the reference. */
  readonly labels?: string;
}

const counter = (help: string, labels?: string): MetricRow => row('counter', help, labels);
const gauge = (help: string, labels?: string): MetricRow => row('gauge', help, labels);
const histogram = (help: string, labels?: string): MetricRow => row('histogram', help, labels);

function row(type: MetricRow['type'], help: string, labels: string | undefined): MetricRow {
  return labels === undefined ? { type, help } : { type, help, labels };
}

export const METRICS: Readonly<Record<string, MetricRow>> = {
  polymq_info: gauge('Always 1; the labels say what runs.', 'version, cluster_id, node_id'),
  polymq_ready: gauge('1 while /health/ready answers 200.'),
  polymq_connections: gauge('Open connections.', 'protocol'),
  polymq_connections_refused_total: counter('Connections closed by a limit.', 'protocol'),
  polymq_received_bytes_total: counter('Bytes received from clients.', 'protocol'),
  polymq_sent_bytes_total: counter('Bytes sent to clients.', 'protocol'),
  polymq_protocol_errors_total: counter(
    'Connections closed because the peer broke the protocol.',
    'protocol',
  ),
  polymq_kafka_requests_total: counter('Kafka requests by API.', 'api'),
  polymq_kafka_refused_batches_total: counter(
    'Record batches that were refused, by error code.',
    'reason',
  ),
  polymq_amqp_delivered_total: counter('Messages sent to AMQP clients, redeliveries included.'),
  polymq_amqp_channel_errors_total: counter('AMQP channels closed because of an error.'),
  polymq_aws_requests_total: counter('Requests to SQS and SNS by action.', 'service, action'),
  polymq_aws_errors_total: counter('Requests to SQS and SNS that were refused.', 'service, code'),
  polymq_sns_delivery_attempts_total: counter(
    'Attempts to deliver messages of topics, by what came of them: delivered, retried, dead-lettered, dropped.',
    'protocol, outcome',
  ),
  polymq_redis_commands_total: counter('Commands of Redis clients.'),
  polymq_redis_delivered_total: counter('Messages sent to Redis subscribers.'),
  polymq_redis_slow_clients_total: counter(
    'Redis clients that were cut off because they did not read.',
  ),
  polymq_mqtt_connected_total: counter('CONNECT packets of MQTT clients that were accepted.'),
  polymq_mqtt_published_total: counter('PUBLISH packets received from MQTT clients.'),
  polymq_mqtt_delivered_total: counter('PUBLISH packets sent to MQTT clients.'),
  polymq_mqtt_dropped_total: counter(
    'Messages that an MQTT client did not get: it reads too slowly, or they are too large for it.',
  ),
  polymq_stomp_delivered_total: counter('MESSAGE frames sent to STOMP clients.'),
  polymq_retained_messages: gauge('Retained messages.'),
  polymq_retained_bytes: gauge('Bytes of retained messages.'),
  polymq_queues: gauge('Queues.'),
  polymq_queue_messages: gauge(
    'Messages in all queues: ready, leased (delivered and not acknowledged), delayed.',
    'state',
  ),
  polymq_queue_events_total: counter(
    'What has happened to messages in queues; a message in ten queues counts ten times.',
    'event',
  ),
  polymq_queue_memory_bytes: gauge('Memory that holds messages of queues.'),
  polymq_queue_uncommitted_bytes: gauge('Bytes of messages on their way to the disk.'),
  polymq_queue_ready_messages: gauge('Messages that wait in a queue.', 'namespace, queue'),
  polymq_queue_leased_messages: gauge(
    'Messages of a queue that are delivered and not acknowledged.',
    'namespace, queue',
  ),
  polymq_queue_bytes: gauge('Bytes of the messages of a queue.', 'namespace, queue'),
  polymq_queue_consumers: gauge('Consumers of a queue.', 'namespace, queue'),
  polymq_publishers_blocked: gauge('1 while publishers wait because of this resource.', 'resource'),
  polymq_http_requests_total: counter('Requests to the HTTP listener.', 'status'),
  polymq_log_appended_bytes_total: counter('Bytes of batches appended to all logs.'),
  polymq_log_appended_batches_total: counter('Batches appended to all logs.'),
  polymq_log_read_bytes_total: counter('Bytes of batches read from all logs.'),
  polymq_log_commit_rounds_total: counter('Commit rounds, each of which writes many batches.'),
  polymq_log_syncs_total: counter('fdatasync calls.'),
  polymq_log_sync_seconds: histogram('Duration of fdatasync.'),
  polymq_log_damaged_ranges: gauge('Ranges found damaged and kept from being served.'),
  polymq_streams: gauge('Streams (Kafka: topics).'),
  polymq_partitions: gauge('Partitions of all streams.'),
  polymq_stored_bytes: gauge('Bytes of the readable records of all partitions.'),
  polymq_partition_size_bytes: gauge(
    'Bytes of the readable records of a partition.',
    'stream, partition',
  ),
  polymq_partition_start_offset: gauge('The first offset that can be read.', 'stream, partition'),
  polymq_partition_end_offset: gauge(
    'The offset after the last record; its rate is records per second.',
    'stream, partition',
  ),
  polymq_groups: gauge('Consumer groups by state.', 'state'),
  polymq_group_members: gauge('Members of all groups.'),
  polymq_group_offsets: gauge('Committed offsets of all groups.'),
  polymq_group_lag_records: gauge(
    'Records between what the group has committed and the end of the partition.',
    'group, stream, partition',
  ),
  polymq_disk_free_bytes: gauge('Free space where the data lies.'),
  polymq_disk_low: gauge('1 while producers are refused because disk space is low.'),
  process_cpu_user_seconds_total: counter('CPU time in user mode since the start.'),
  process_cpu_system_seconds_total: counter('CPU time in the kernel since the start.'),
  process_cpu_seconds_total: counter('CPU time since the start.'),
  polymq_event_loop_delay_seconds: gauge(
    'How late the event loop ran, since the last scrape.',
    'quantile',
  ),
  polymq_metrics_truncated: gauge(
    '1 if there are more series per partition or group than admin.seriesMax; see /metrics/per-object.',
  ),
};
