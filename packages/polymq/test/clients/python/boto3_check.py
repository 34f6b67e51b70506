"""One check with boto3: `boto3_check.py ENDPOINT NAME CHECK`. Prints `ok` or ends with an exception."""

import json
import sys
import threading
import time
import urllib.request

import boto3
import botocore.exceptions

endpoint, name, check = sys.argv[1:]
options = {
    "endpoint_url": endpoint,
    "region_name": "eu-central-1",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "secret",
}
sqs = boto3.client("sqs", **options)
sns = boto3.client("sns", **options)


def new_queue(suffix="", **attributes):
    return sqs.create_queue(QueueName=name + suffix, Attributes=attributes)["QueueUrl"]


def arn_of(url):
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return answer["Attributes"]["QueueArn"]


def receive(url, **more):
    parameters = {"MaxNumberOfMessages": 10, "AttributeNames": ["All"], "MessageAttributeNames": ["All"]}
    return sqs.receive_message(QueueUrl=url, **{**parameters, **more}).get("Messages", [])


def take(url, count):
    taken = []
    for _ in range(30):
        for message in receive(url, WaitTimeSeconds=1):
            taken.append(message)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        if len(taken) >= count:
            return taken
    raise AssertionError(f"{len(taken)} messages came, not {count}")


def refused(call, **parameters):
    try:
        call(**parameters)
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError("it was not refused")


def send_and_receive():
    url = new_queue()
    assert url.startswith(endpoint), url
    attributes = {
        "text": {"DataType": "String", "StringValue": "ü"},
        "count": {"DataType": "Number.int", "StringValue": "42"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    sent = sqs.send_message(QueueUrl=url, MessageBody="<hello> & ü", MessageAttributes=attributes)
    (message,) = receive(url)
    assert message["Body"] == "<hello> & ü", message
    assert message["MessageId"] == sent["MessageId"], message
    assert message["MessageAttributes"] == attributes, message
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"], message
    assert message["Attributes"]["ApproximateReceiveCount"] == "1", message
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    (again,) = receive(url)
    assert again["Attributes"]["ApproximateReceiveCount"] == "2", again
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
    sqs.tag_queue(QueueUrl=url, Tags={"team": "a", "stage": "b"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["stage"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "a"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7"})
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    assert answer["Attributes"] == {"VisibilityTimeout": "7"}, answer
    assert url in sqs.list_queues(QueueNamePrefix=name)["QueueUrls"]
    sqs.delete_queue(QueueUrl=url)


def long_poll():
    url = new_queue()
    sender = threading.Timer(0.5, lambda: sqs.send_message(QueueUrl=url, MessageBody="now"))
    sender.start()
    # The poll alone would wait for 20 s, and the client gives up after 60 s.
    (message,) = receive(url, WaitTimeSeconds=20)
    assert message["Body"] == "now", message


def batches():
    url = new_queue()
    entries = [{"Id": str(number), "MessageBody": str(number)} for number in range(9)]
    entries.append({"Id": "late", "MessageBody": "x", "DelaySeconds": 901})
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [entry["Id"] for entry in answer["Successful"]] == [str(number) for number in range(9)], answer
    (failed,) = answer["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("late", "InvalidParameterValue", True)
    messages = receive(url)
    assert sorted(message["Body"] for message in messages) == [str(number) for number in range(9)]
    handles = [
        {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
        for index, message in enumerate(messages)
    ]
    changed = [{**handle, "VisibilityTimeout": 60} for handle in handles]
    answer = sqs.change_message_visibility_batch(QueueUrl=url, Entries=changed)
    assert len(answer["Successful"]) == 9 and "Failed" not in answer, answer
    answer = sqs.delete_message_batch(QueueUrl=url, Entries=handles)
    assert len(answer["Successful"]) == 9 and "Failed" not in answer, answer


def fifo():
    url = new_queue(".fifo", FifoQueue="true", ContentBasedDeduplication="true")
    numbers = []
    for body, group in [("a1", "a"), ("b1", "b"), ("a2", "a"), ("a1", "a")]:
        numbers.append(sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group))
    assert numbers[3]["SequenceNumber"] == numbers[0]["SequenceNumber"], numbers
    assert numbers[3]["MessageId"] == numbers[0]["MessageId"], numbers
    messages = take(url, 3)
    groups = {"a": [], "b": []}
    for message in messages:
        groups[message["Attributes"]["MessageGroupId"]].append(message["Body"])
    assert groups == {"a": ["a1", "a2"], "b": ["b1"]}, groups


def dead_letters():
    dead = new_queue("-dead")
    policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": "3"})
    url = new_queue(RedrivePolicy=policy, VisibilityTimeout="0")
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    counts = []
    while messages := receive(url):
        counts.append(messages[0]["Attributes"]["ApproximateReceiveCount"])
    assert counts == ["1", "2", "3"], counts
    (letter,) = receive(dead, WaitTimeSeconds=5, VisibilityTimeout=0)
    assert letter["Body"] == "poison", letter
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]


def errors():
    url = new_queue()
    missing = refused(sqs.get_queue_url, QueueName=name + "-missing")
    assert missing == ("AWS.SimpleQueueService.NonExistentQueue", 400), missing
    try:
        sqs.get_queue_url(QueueName=name + "-missing")
    except sqs.exceptions.QueueDoesNotExist:
        pass
    different = refused(sqs.create_queue, QueueName=name, Attributes={"DelaySeconds": "5"})
    assert different == ("QueueAlreadyExists", 400), different
    empty = refused(sqs.send_message_batch, QueueUrl=url, Entries=[])
    assert empty == ("AWS.SimpleQueueService.EmptyBatchRequest", 400), empty
    handle = refused(sqs.delete_message, QueueUrl=url, ReceiptHandle="none")
    assert handle[0] == "ReceiptHandleIsInvalid", handle
    topic = refused(sns.publish, TopicArn="arn:aws:sns:eu-central-1:000000000000:none", Message="x")
    assert topic == ("NotFound", 404), topic


def topics():
    topic = sns.create_topic(Name=name)["TopicArn"]
    policies = [{}, {"FilterPolicy": '{"kind":["order"]}'}, {"RawMessageDelivery": "true"}]
    urls = [new_queue(f"-{index}") for index in range(3)]
    for url, attributes in zip(urls, policies):
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_of(url), Attributes=attributes)
    for kind in ["order", "invoice"]:
        attributes = {"kind": {"DataType": "String", "StringValue": kind}}
        sns.publish(TopicArn=topic, Message=kind, Subject="s", MessageAttributes=attributes)
    bodies = [json.loads(message["Body"]) for message in take(urls[0], 2)]
    assert sorted(body["Message"] for body in bodies) == ["invoice", "order"], bodies
    (filtered,) = take(urls[1], 1)
    assert json.loads(filtered["Body"])["Message"] == "order", filtered
    raw = take(urls[2], 2)
    assert sorted(message["Body"] for message in raw) == ["invoice", "order"], raw
    assert len(sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]) == 3
    assert receive(urls[1]) == []
    sns.delete_topic(TopicArn=topic)


def presigned():
    url = new_queue()
    parameters = {"QueueUrl": url, "MessageBody": "from a link"}
    link = sqs.generate_presigned_url("send_message", Params=parameters, ExpiresIn=60)
    with urllib.request.urlopen(link) as answer:
        body = answer.read().decode()
    assert "<MD5OfMessageBody>" in body, body
    (message,) = receive(url)
    assert message["Body"] == "from a link", message


def resources():
    """The way most programs use it: objects, and a loop that polls."""
    queue = boto3.resource("sqs", **options).create_queue(QueueName=name)
    for number in range(20):
        queue.send_message(MessageBody=str(number))
    seen = set()
    deadline = time.monotonic() + 30
    while len(seen) < 20 and time.monotonic() < deadline:
        for message in queue.receive_messages(MaxNumberOfMessages=10, WaitTimeSeconds=1):
            seen.add(message.body)
            message.delete()
    assert seen == {str(number) for number in range(20)}, seen
    queue.purge()
    queue.delete()


globals()[check]()
print("ok")
