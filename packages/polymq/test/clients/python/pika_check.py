"""One check with pika: `pika_check.py URL NAME CHECK`. Prints `ok` or ends with an exception."""

import sys

import pika
import pika.exceptions

url, name, check = sys.argv[1:]


def connect():
    return pika.BlockingConnection(pika.URLParameters(url))


def work_queue():
    connection = connect()
    channel = connection.channel()
    channel.queue_declare(name, durable=True)
    channel.confirm_delivery()
    for number in range(100):
        channel.basic_publish(
            "",
            name,
            b"task %d" % number,
            pika.BasicProperties(delivery_mode=2, headers={"number": number}),
            mandatory=True,
        )
    channel.basic_qos(prefetch_count=10)
    got = []
    for method, properties, body in channel.consume(name, inactivity_timeout=30):
        assert method is not None, "nothing came for 30 s"
        assert properties.headers == {"number": len(got)}, properties.headers
        got.append(body)
        channel.basic_ack(method.delivery_tag)
        if len(got) == 100:
            break
    channel.cancel()
    assert got == [b"task %d" % number for number in range(100)], got
    assert channel.queue_declare(name, passive=True).method.message_count == 0
    channel.queue_delete(name)
    connection.close()


def unroutable():
    connection = connect()
    channel = connection.channel()
    channel.confirm_delivery()
    try:
        channel.basic_publish("", name, b"lost", mandatory=True)
        raise AssertionError("the message was routed")
    except pika.exceptions.UnroutableError as error:
        assert error.messages[0].method.reply_code == 312, error.messages[0].method
    connection.close()


def nacked():
    connection = connect()
    channel = connection.channel()
    arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
    channel.queue_declare(name, exclusive=True, arguments=arguments)
    channel.confirm_delivery()
    channel.basic_publish("", name, b"one")
    try:
        channel.basic_publish("", name, b"two")
        raise AssertionError("the message was accepted")
    except pika.exceptions.NackError:
        pass
    connection.close()


def transactions():
    connection = connect()
    channel = connection.channel()
    channel.queue_declare(name, exclusive=True)
    channel.tx_select()
    channel.basic_publish("", name, b"rolled back")
    channel.tx_rollback()
    channel.basic_publish("", name, b"committed")
    assert channel.basic_get(name) == (None, None, None)
    channel.tx_commit()
    method, _, body = channel.basic_get(name)
    assert body == b"committed", body
    channel.basic_ack(method.delivery_tag)
    channel.tx_commit()
    connection.close()


def errors():
    connection = connect()
    for program, code in [
        (lambda channel: channel.queue_declare(name, passive=True), 404),
        (lambda channel: channel.exchange_declare("amq.direct", "fanout", durable=True), 406),
        (lambda channel: channel.queue_declare("amq.mine"), 403),
    ]:
        try:
            program(connection.channel())
            raise AssertionError("%d was expected" % code)
        except pika.exceptions.ChannelClosedByBroker as error:
            assert error.reply_code == code, error
    assert connection.is_open
    connection.close()


def rpc():
    connection = connect()
    channel = connection.channel()
    channel.queue_declare(name, exclusive=True)
    channel.basic_consume("amq.rabbitmq.reply-to", lambda *args: replies.append(args), auto_ack=True)
    replies = []
    properties = pika.BasicProperties(reply_to="amq.rabbitmq.reply-to", correlation_id="c1")
    channel.basic_publish("", name, b"question", properties)
    _, question, body = channel.basic_get(name, auto_ack=True)
    assert body == b"question", body
    answer = pika.BasicProperties(correlation_id=question.correlation_id)
    channel.basic_publish("", question.reply_to, b"answer", answer)
    connection.process_data_events(time_limit=30)
    [(_, _, properties, body)] = replies
    assert (properties.correlation_id, body) == ("c1", b"answer"), replies
    connection.close()


globals()[check]()
print("ok")
