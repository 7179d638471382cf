"""What keys do to a text that is edited at the terminal: Enter, Tab, a closing brace, completion.

In: keys, by prompt_toolkit. Out: the text, handed over when it is complete. It does not know what
becomes of it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable

from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, has_completions, has_focus
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from halojit.repl.commands import Commands
from halojit.repl.session import SessionError

INDENT = "    "

_LITERAL = re.compile(r"""(?<!R)"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'""")
_BRACKETS = {")": "(", "]": "[", "}": "{"}


def is_plain(text: str) -> bool:
    """Whether nobody need be asked whether a text is complete: statements that end, without
    comments, directives, raw strings, `do`."""
    text = _LITERAL.sub("0", text.rstrip())
    opened: list[str] = []
    for each in text:
        if each in "([{":
            opened.append(each)
        elif each in _BRACKETS and (not opened or opened.pop() != _BRACKETS[each]):
            return False
    return text.endswith(";") and not opened and not re.search(r"""["'/#\\]|\bdo\b""", text)


@Condition
def _is_at_indentation() -> bool:
    document = get_app().current_buffer.document
    return not document.current_line_before_cursor.strip()


def bindings(commands: Commands) -> KeyBindings:
    """Keys that differ from prompt_toolkit's own; those of its search stay."""
    keys = KeyBindings()
    is_editing = has_focus(DEFAULT_BUFFER)

    @keys.add("enter", filter=is_editing)
    def run_or_go_on(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        document = buffer.document
        if buffer.complete_state and buffer.complete_state.current_completion:
            buffer.complete_state = None
            return
        if document.text_after_cursor.strip() and not document.on_last_line:
            buffer.newline()  # in the middle of a longer text
            return
        is_forced = document.line_count > 1 and not document.current_line.strip()
        state, depth = "complete", 0
        if buffer.text.strip() and not is_forced and not is_plain(buffer.text):
            # A session that cannot tell will say why when it is to run the text.
            with contextlib.suppress(SessionError):
                state, depth = commands.is_complete(buffer.text)
        if state == "incomplete":
            buffer.insert_text("\n" + INDENT * depth)
            return
        buffer.document = Document(buffer.text.rstrip())
        buffer.validate_and_handle()

    @keys.add("tab", filter=is_editing & _is_at_indentation & ~has_completions)
    def indent(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(INDENT)

    @keys.add("}", filter=is_editing & _is_at_indentation)
    def close(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        blanks = len(buffer.document.current_line_before_cursor)
        buffer.delete_before_cursor(min(blanks, len(INDENT)))
        buffer.insert_text("}")

    return keys


class CommandCompleter(Completer):
    """Completions as prompt_toolkit wants them. A session that cannot tell completes nothing."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        """Each with its signature or, without one, its kind."""
        cursor = document.cursor_position
        try:
            found = self._commands.complete(document.text, cursor)
        except SessionError:
            return
        for each in found.items:
            meta = each.signature or each.kind
            yield Completion(each.text, found.start - cursor, display_meta=meta)
