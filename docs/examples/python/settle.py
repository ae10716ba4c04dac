"""A HIS sends one transaction through yibao-bus, in plain aio-pika (docs/his-contract.md).

    python settle.py 2207 input.json --key bill-20261123-0001

Address and institution come from YIBAO_URL (amqp://user:password@host:port/vhost) and YIBAO_TENANT,
the patient's insured place (insuplc_admdvs of the reply of 1101) from YIBAO_INSUPLC.
Exit code: 0 succeeded, 1 any other final outcome, 3 nothing was sent, 4 not known yet (run again
with the same key).
"""

import argparse
import asyncio
import json
import os
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import aio_pika
from aio_pika.abc import AbstractChannel

REPLY_QUEUE_ARGUMENTS = {"x-queue-type": "quorum", "x-expires": 30 * 86_400_000}


def keep(folder: Path, key: str, request: dict[str, str]) -> dict[str, str]:
    """Put the request on the disk under its key before anything is sent; return what is there.

    After a crash the same command with the same key finds the same bytes and the same deadline.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"{quote(key, safe='')}.json"
    if not file.exists():
        draft = file.with_suffix(".new")
        with draft.open("w", encoding="utf-8") as out:
            json.dump(request, out)
            out.flush()
            os.fsync(out.fileno())
        draft.rename(file)
        folder_handle = os.open(folder, os.O_RDONLY)
        os.fsync(folder_handle)
        os.close(folder_handle)
    kept: dict[str, str] = json.loads(file.read_text("utf-8"))
    if kept["body"] != request["body"]:
        sys.exit("this key was kept for another request: a new request needs a new key")
    return kept


async def wait_for_reply(channel: AbstractChannel, queue_name: str, key: str) -> dict[str, object]:
    """The reply to this key; replies to other keys are acknowledged and passed over."""
    queue = await channel.get_queue(queue_name)
    async with queue.iterator() as messages:
        async for message in messages:
            await message.ack()
            if message.correlation_id == key:
                reply: dict[str, object] = json.loads(message.body)
                return reply
    raise ConnectionError("the reply queue was closed")


async def ask(arguments: argparse.Namespace, kept: dict[str, str]) -> dict[str, object]:
    """Publish the request and wait for its reply. Calling it again with the same key is safe."""
    key, infno, tenant = arguments.key, arguments.infno, arguments.tenant
    connection = await aio_pika.connect(arguments.url)
    async with connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        replies = f"yibao.replies.{tenant}.{arguments.queue}"
        await channel.declare_queue(replies, durable=True, arguments=REPLY_QUEUE_ARGUMENTS)
        waiting = asyncio.create_task(wait_for_reply(channel, replies, key))
        exchange = await channel.get_exchange("yibao.requests", ensure=False)
        await exchange.publish(
            aio_pika.Message(
                kept["body"].encode(),
                headers={"idempotency-key": key, "deadline": kept["deadline"]},
                content_type="application/json",
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                message_id=str(uuid.uuid4()),
                correlation_id=key,
                reply_to=replies,
                type=infno,
                user_id=unquote(urlsplit(arguments.url).username or ""),
            ),
            routing_key=f"{infno}.{tenant}",
            mandatory=True,
        )
        return await asyncio.wait_for(waiting, timeout=240)


async def settle(arguments: argparse.Namespace) -> int:
    """Keep, send, and ask again under the same key as long as the connection is what failed."""
    content = {"infno": arguments.infno, "opter": "0001", "input": arguments.input}
    if arguments.insuplc:
        content["insuplc_admdvs"] = arguments.insuplc
    body = json.dumps(content, ensure_ascii=False)
    deadline = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()
    kept = keep(Path(arguments.keys), arguments.key, {"body": body, "deadline": deadline})
    for attempt in range(1, 6):
        try:
            reply = await ask(arguments, kept)
            break
        except aio_pika.exceptions.PublishError:
            if attempt == 1:
                sys.stderr.write("nothing was sent: no queue takes this transaction\n")
                return 3
        except (ConnectionError, TimeoutError, aio_pika.exceptions.AMQPError) as error:
            sys.stderr.write(f"attempt {attempt}: {type(error).__name__}; asking again\n")
        await asyncio.sleep(2)
    else:
        sys.stderr.write("the outcome is not known: run again with the same key\n")
        return 4
    sys.stdout.write(json.dumps(reply, ensure_ascii=False, indent=2) + "\n")
    return {"succeeded": 0, "in_doubt": 4}.get(str(reply["status"]), 1)


def main() -> int:
    """Read the command line and settle."""
    parser = argparse.ArgumentParser(description="send one transaction through yibao-bus")
    parser.add_argument("infno", help="transaction number, such as 2207")
    parser.add_argument("input", help="file with the transaction's input object (JSON)")
    parser.add_argument("--key", required=True, help="idempotency key: your own bill number")
    parser.add_argument("--keys", default="kept-keys", help="folder for kept requests")
    parser.add_argument("--queue", default="example-python", help="own reply queue's short name")
    parser.add_argument("--tenant", default=os.environ.get("YIBAO_TENANT", ""))
    parser.add_argument("--insuplc", default=os.environ.get("YIBAO_INSUPLC", ""))
    arguments = parser.parse_args()
    arguments.url = os.environ.get("YIBAO_URL", "")  # holds a password: never on a command line
    if not arguments.url or not arguments.tenant:
        parser.error("set YIBAO_URL and YIBAO_TENANT")
    # Amounts stay text: a float would turn 100.10 into 100.1.
    arguments.input = json.loads(Path(arguments.input).read_text("utf-8"), parse_float=str)
    return asyncio.run(settle(arguments))


if __name__ == "__main__":
    sys.exit(main())
