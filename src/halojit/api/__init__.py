"""Interactive C++ from Python: a thin room on top of a session (halojit.repl.session)."""
