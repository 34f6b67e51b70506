"""kafka-python against one broker: prints one line of JSON per check, exits 1 on a failure.

usage: kafka_python_check.py HOST:PORT PREFIX
"""

import json
import sys

import kafka
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

address, prefix = sys.argv[1:3]
admin = KafkaAdminClient(bootstrap_servers=address)


def told(name, value):
    print(json.dumps({"check": name, "value": value}), flush=True)


def new_topic(name, partitions=1):
    topic = f"{prefix}-{name}"
    admin.create_topics([NewTopic(topic, partitions, 1)])
    return topic


def consume(topic, count, group):
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=address,
        group_id=group,
        auto_offset_reset="earliest",
        consumer_timeout_ms=30000,
        session_timeout_ms=6000,
        heartbeat_interval_ms=500,
    )
    got = []
    for message in consumer:
        got.append((message.key, message.value, message.headers))
        if len(got) == count:
            break
    consumer.commit()
    consumer.close()
    return got


def check_messages():
    topic = new_topic("messages")
    # Idempotence is on unless it is switched off.
    producer = KafkaProducer(bootstrap_servers=address)
    sent = [(b"key", str(index).encode(), [("h", b"1")]) for index in range(500)]
    for key, value, headers in sent:
        producer.send(topic, key=key, value=value, headers=headers)
    producer.flush(30)
    producer.close()
    for group in ["one", "two"]:
        got = consume(topic, 500, f"{topic}-{group}")
        told(f"group {group}", [(k, v, [tuple(h) for h in hs]) for k, v, hs in got] == sent)


def check_codecs():
    for codec in [None, "gzip"]:
        topic = new_topic(f"codec-{codec}")
        producer = KafkaProducer(bootstrap_servers=address, compression_type=codec)
        for index in range(200):
            producer.send(topic, value=b"value %d" % (index % 9))
        producer.flush(30)
        producer.close()
        got = consume(topic, 200, f"{topic}-group")
        told(f"codec {codec}", [v for _, v, _ in got] == [b"value %d" % (i % 9) for i in range(200)])


def check_offsets():
    topic = new_topic("offsets")
    producer = KafkaProducer(bootstrap_servers=address)
    for value in [b"a", b"b", b"c"]:
        producer.send(topic, value=value).get(10)
    producer.close()
    consumer = KafkaConsumer(bootstrap_servers=address)
    partition = TopicPartition(topic, 0)
    told("beginning", consumer.beginning_offsets([partition])[partition])
    told("end", consumer.end_offsets([partition])[partition])
    consumer.close()
    told("topics", topic in admin.list_topics())
    admin.delete_topics([topic])


told("version", kafka.__version__)
for check in [check_messages, check_codecs, check_offsets]:
    check()
