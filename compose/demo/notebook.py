"""A hospital's own notes: every request it made, and what it was told."""

from typing import Any

import msgspec

from compose.demo.visits import Call
from producers.client import HisClient
from producers.wire import Answer
from schemas.catalogue import load

CATALOGUE = load()


class Note(msgspec.Struct):
    """One request; ``told`` is the final status, '' while none came. ``expects`` is a word for the
    table where the story wants a refusal."""

    tenant: str
    title: str
    infno: str
    key: str
    told: str = ""
    code: str = ""
    msgid: str = ""
    body: bytes = b""
    flags: tuple[str, ...] = ()


class Notebook:
    """Shared by all hospitals of the demo."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def caller(self, client: HisClient, tenant: str) -> Call:
        """A ``call`` that writes down what it is told; an ``in_doubt`` is followed to its end."""

        async def call(infno: str, data: dict[str, Any], **options: Any) -> Answer:
            title = options.pop("title", "") or CATALOGUE[infno].name_en
            answer = await client.call(infno, data, **options)
            if not answer.status.is_final:
                answer = await client.final(answer.key, timeout_s=60.0)
            self.notes.append(
                Note(
                    tenant=tenant,
                    title=title,
                    infno=infno,
                    key=answer.key,
                    told=answer.status,
                    code=answer.code,
                    msgid=answer.msgid,
                    body=bytes(answer.output),
                    flags=answer.flags,
                )
            )
            return answer

        return call
