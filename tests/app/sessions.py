"""Visitors without a browser: they open a session by Streamlit's own protocol, say something, read what is shown."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

PATIENCE = 240
"""Seconds until an answer is given up: twenty at once share one processor or two."""


@dataclass
class Visitor:
    """One session."""

    socket: ClientConnection
    box: str = ""
    """Id of the box to write in."""

    def ask(self, text: str) -> tuple[str, float]:
        """Write into the box; what is shown then, and after how many seconds."""
        began = time.monotonic()
        message = BackMsg()
        state = message.rerun_script.widget_states.widgets.add()
        state.id = self.box
        state.chat_input_value.data = text
        self.send(message)
        while "None of these" not in (shown := self.read()):
            pass
        return shown, time.monotonic() - began

    def send(self, message: BackMsg) -> None:
        message.rerun_script.query_string = ""
        self.socket.send(message.SerializeToString())

    def read(self) -> str:
        """All elements of the page, once its script has run through."""
        shown: list[str] = []
        while True:
            data = self.socket.recv(timeout=PATIENCE)
            assert isinstance(data, bytes)
            message = ForwardMsg.FromString(data)
            if message.WhichOneof("type") == "delta":
                element = message.delta.new_element
                if element.WhichOneof("type") == "chat_input":
                    self.box = element.chat_input.id
                shown.append(str(element))
            elif message.WhichOneof("type") == "script_finished":
                return "\n".join(shown)


@contextmanager
def visit(address: str) -> Iterator[Visitor]:
    """Open a session, and wait until its first page is drawn."""
    stream = address.replace("http", "ws", 1) + "/_stcore/stream"
    with connect(stream, subprotocols=[Subprotocol("streamlit")], max_size=None, open_timeout=PATIENCE) as socket:
        visitor = Visitor(socket)
        visitor.send(BackMsg())
        visitor.read()
        assert visitor.box, "the page has no box to write in"
        yield visitor
