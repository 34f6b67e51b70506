"""aiokafka against one broker: prints one line of JSON per check, exits 1 on a failure.

usage: aiokafka_check.py HOST:PORT PREFIX
"""

import asyncio
import json
import sys

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

address, prefix = sys.argv[1:3]


def told(name, value):
    print(json.dumps({"check": name, "value": value}), flush=True)


async def check(name, **options):
    topic = f"{prefix}-{name}"
    sent = [(b"key", str(index).encode()) for index in range(300)]
    async with AIOKafkaProducer(bootstrap_servers=address, **options) as producer:
        for key, value in sent:
            await producer.send_and_wait(topic, value, key, headers=[("h", b"1")])
    for group in ["one", "two"]:
        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=address,
            group_id=f"{topic}-{group}",
            auto_offset_reset="earliest",
        )
        async with consumer:
            got = [await asyncio.wait_for(consumer.getone(), 30) for _ in sent]
        assert all(list(message.headers) == [("h", b"1")] for message in got)
        told(f"{name} {group}", [(message.key, message.value) for message in got] == sent)


async def main():
    told("version", aiokafka.__version__)
    await check("plain")
    await check("gzip", compression_type="gzip")
    await check("idempotent", enable_idempotence=True)


asyncio.run(main())
