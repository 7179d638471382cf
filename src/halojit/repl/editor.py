"""A text is edited at a prompt until it is handed over; then the next one.

In: keys. Out: texts. Between two texts the terminal is this room's, while one is taken it is the
taker's. It does not know what becomes of a text.

prompt_toolkit's PromptSession begins an application for every prompt and draws more than is needed
here, which takes 6 ms from Enter to the next prompt (2026-11-22). Here one application lasts as
long as the session, its layout has what can be seen, and the terminal is not asked where its cursor
is: the answer could arrive when an input reads the terminal.
"""

from __future__ import annotations

import contextlib
import sys
import termios
from collections.abc import Callable
from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, has_focus
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import History
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.layout import (
    BufferControl,
    CompletionsMenu,
    Dimension,
    Float,
    FloatContainer,
    HSplit,
    Layout,
    Window,
)
from prompt_toolkit.layout.processors import (
    HighlightIncrementalSearchProcessor,
    HighlightSelectionProcessor,
    TabsProcessor,
)
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.renderer import CPR_Support
from prompt_toolkit.styles import Style
from prompt_toolkit.widgets import SearchToolbar

MENU_ROWS = 16


class Editor:
    """Reads texts until `take` tells that there shall be no more, or Ctrl-D."""

    def __init__(
        self,
        prompts: tuple[str, str],
        take: Callable[[str, Callable[[], None]], bool],
        keys: KeyBindings,
        completer: Completer,
        history: History,
        lexer: Lexer,
        style: Style,
        modes: list[Any],
        edited: Callable[[], None],
    ) -> None:
        """`prompts`: of a text's first line and of the others. `take` is given a text, and what it
        is to call before it uses the terminal, which has `modes` (as termios has them) then; it
        returns whether to go on. `keys`: their own, which hand a text over by `validate_and_handle`
        of its buffer. `edited` is called whenever a text has changed."""
        self._prompts = prompts
        self._take = take
        self._modes = modes
        self._drawn: Document | None = None  # what the screen shows, if that is all
        self._is_left = False
        self._buffer = Buffer(
            name=DEFAULT_BUFFER,
            completer=completer,
            history=history,
            accept_handler=self._hand_over,
            on_text_changed=lambda _: edited(),
        )
        search = SearchToolbar()
        self._text = BufferControl(
            self._buffer,
            input_processors=[
                HighlightIncrementalSearchProcessor(),
                HighlightSelectionProcessor(),
                TabsProcessor(char1=" ", char2=" "),
            ],
            include_default_input_processors=False,
            lexer=lexer,
            search_buffer_control=search.control,
            preview_search=True,
        )
        window = Window(
            self._text, height=self._height, get_line_prefix=self._prefix, wrap_lines=True
        )
        menu = Float(CompletionsMenu(MENU_ROWS, scroll_offset=1), xcursor=True, ycursor=True)
        self._app: Application[None] = Application(
            Layout(HSplit([FloatContainer(window, [menu]), search]), focused_element=window),
            style=style,
            include_default_pygments_style=False,
            key_bindings=self._with_ends(keys),
            erase_when_done=True,  # it is over after a text only, which stays
            after_render=self._note_what_is_drawn,
        )
        self._app.renderer.cpr_support = CPR_Support.NOT_SUPPORTED
        self.output = self._app.output

    def run(self) -> bool:
        """Whether it was ended by Ctrl-D. What `take` raises."""
        self._is_ended = False
        self._app.run(handle_sigint=False)  # Ctrl-C is a key
        return self._is_ended

    def _with_ends(self, keys: KeyBindings) -> KeyBindings:
        is_editing = has_focus(self._buffer)

        @keys.add("c-c", filter=is_editing)
        def abandon(_: object) -> None:
            self._finish()
            self._begin()

        @keys.add("c-z", filter=is_editing)
        def stop(_: object) -> None:
            self._app.suspend_to_background()

        @keys.add("c-d", filter=is_editing & Condition(lambda: not self._buffer.text))
        def end(_: object) -> None:
            self._finish()
            self._is_ended = True
            self._app.exit()

        return keys

    def _hand_over(self, buffer: Buffer) -> bool:
        self._is_left = False
        modes = termios.tcgetattr(sys.stdin)
        try:
            goes_on = self._take(buffer.text, self._leave)
            self._leave()
        except Exception as error:
            self._app.exit(exception=error)
            return False
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, modes)
        if goes_on:
            self._begin()
        else:
            self._app.exit()
        return True  # the buffer is as it should be

    def _leave(self) -> None:
        """Once for each text."""
        if self._is_left:
            return
        self._is_left = True
        with contextlib.suppress(OSError):  # a full disk
            self._buffer.append_to_history()  # before it runs, which may never end
        self._finish()
        termios.tcsetattr(sys.stdin, termios.TCSANOW, self._modes)

    # ---- the screen

    def _finish(self) -> None:
        """The text stays; the cursor is below it."""
        self._buffer.complete_state = None
        self._buffer.cursor_position = len(self._buffer.text)
        if self._drawn == self._buffer.document:
            self.output.write_raw("\r\n")
            self._app.renderer.reset()
        else:
            self._app.renderer.render(self._app, self._app.layout, is_done=True)

    def _begin(self) -> None:
        """The prompt at once; the application draws it again when it comes to draw."""
        self._buffer.reset()
        self._buffer.load_history_if_not_yet_loaded()  # Up may have been pressed meanwhile
        self._app.pre_run_callables.clear()  # Ctrl-O's: this application begins but once
        self._drawn = None
        self.output.write_raw(self._prompts[0])
        self.output.flush()
        self.output.write_raw("\r")

    def _note_what_is_drawn(self, _: object) -> None:
        is_all = self._app.layout.current_control is self._text and not self._buffer.complete_state
        self._drawn = self._buffer.document if is_all else None

    def _prefix(self, line: int, wrapped: int) -> StyleAndTextTuples:
        return [("", " " * len(self._prompts[0]) if wrapped else self._prompts[line > 0])]

    def _height(self) -> Dimension:
        """Room for the completions."""
        state = self._buffer.complete_state
        if not state:
            return Dimension()
        rows = self._buffer.document.line_count + min(len(state.completions), MENU_ROWS)
        return Dimension(min=min(rows, self.output.get_size().rows - 1))
