"""confluent-kafka (librdkafka) against one broker: prints one line of JSON per check, exits 1 on a failure.

usage: confluent_kafka_check.py HOST:PORT PREFIX
"""

import json
import sys
import time

import confluent_kafka
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

address, prefix = sys.argv[1:3]
base = {"bootstrap.servers": address}
admin = AdminClient(base)


def told(name, value):
    print(json.dumps({"check": name, "value": value}), flush=True)


def all_done(futures):
    return {key: future.result(30) for key, future in futures.items()}


def new_topic(name, partitions=1, **config):
    topic = f"{prefix}-{name}"
    all_done(admin.create_topics([NewTopic(topic, partitions, 1, config=config)]))
    return topic


def produce(topic, values, **config):
    producer = Producer({**base, "linger.ms": 20, **config})
    failures = []
    for value in values:
        producer.produce(
            topic,
            value=value,
            key=value,
            headers={"h": b"1"},
            on_delivery=lambda error, _message: failures.append(error) if error else None,
        )
    assert producer.flush(30) == 0
    assert not failures, failures


def consume(topic, count, group, **config):
    consumer = Consumer(
        {**base, "group.id": group, "auto.offset.reset": "earliest", "session.timeout.ms": 6000, **config}
    )
    consumer.subscribe([topic])
    got = []
    end = time.monotonic() + 60
    while len(got) < count and time.monotonic() < end:
        for message in consumer.consume(100, 0.2):
            assert not message.error(), message.error()
            assert message.headers() == [("h", b"1")]
            got.append(message.value().decode())
    consumer.commit(asynchronous=False)
    consumer.close()
    return got


def check_codecs():
    values = [f"value {index % 50}" for index in range(1000)]
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
        topic = new_topic(f"codec-{codec}")
        produce(topic, values, **{"compression.type": codec})
        told(f"codec {codec}", consume(topic, 1000, f"{topic}-group") == values)


def check_idempotence():
    topic = new_topic("idempotent")
    values = [str(index) for index in range(3000)]
    produce(topic, values, **{"enable.idempotence": True, "batch.num.messages": 100})
    told("idempotent", consume(topic, 3000, f"{topic}-group") == values)


def check_groups():
    topic = new_topic("groups", 3)
    produce(topic, [str(index) for index in range(60)])
    for strategy in ["range", "roundrobin", "cooperative-sticky"]:
        group = f"{topic}-{strategy}"
        got = consume(topic, 60, group, **{"partition.assignment.strategy": strategy})
        told(f"group {strategy}", len(set(got)) == 60)
    static = consume(topic, 60, f"{topic}-static", **{"group.instance.id": "one"})
    told("group static", len(set(static)) == 60)
    group = f"{topic}-range"
    listed = admin.list_consumer_groups().result(30)
    told("list groups", group in [item.group_id for item in listed.valid])
    described = admin.describe_consumer_groups([group])[group].result(30)
    told("describe group", described.state.name)
    wish = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 1)])
    all_done(admin.alter_consumer_group_offsets([wish]))
    asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0)])
    offsets = admin.list_consumer_group_offsets([asked])[group].result(30)
    told("group offsets", offsets.topic_partitions[0].offset)
    all_done(admin.delete_consumer_groups([group]))
    told("delete group", True)


def check_admin():
    topic = new_topic("admin", 2, **{"retention.ms": "3600000"})
    all_done(admin.create_partitions([NewPartitions(topic, 4)]))
    cluster = admin.describe_cluster().result(30)
    told("describe cluster", len(cluster.nodes))
    end = time.monotonic() + 20
    while len(admin.list_topics(topic, 10).topics[topic].partitions) != 4 and time.monotonic() < end:
        time.sleep(0.1)
    told("partitions", len(admin.list_topics(topic, 10).topics[topic].partitions))
    described = list(all_done(admin.describe_topics(confluent_kafka.TopicCollection([topic]))).values())[0]
    told("describe topic", len(described.partitions))
    resource = ConfigResource(ResourceType.TOPIC, topic)
    resource.add_incremental_config(
        ConfigEntry("retention.bytes", "1048576", incremental_operation=AlterConfigOpType.SET)
    )
    all_done(admin.incremental_alter_configs([resource]))
    config = all_done(admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]))
    values = list(config.values())[0]
    told("config", [values["retention.ms"].value, values["retention.bytes"].value])
    producer = Producer(base)
    for value in ["a", "b", "c"]:
        producer.produce(topic, value=value, partition=0)
    assert producer.flush(30) == 0
    partition = TopicPartition(topic, 0)
    latest = list(all_done(admin.list_offsets({partition: OffsetSpec.latest()})).values())[0]
    told("latest", latest.offset)
    all_done(admin.delete_records([TopicPartition(topic, 0, 2)]))
    earliest = list(all_done(admin.list_offsets({partition: OffsetSpec.earliest()})).values())[0]
    told("earliest", earliest.offset)
    all_done(admin.delete_topics([topic]))
    told("delete topic", True)


told("version", confluent_kafka.libversion()[0])
for check in [check_codecs, check_idempotence, check_groups, check_admin]:
    check()
