"""Arguments, exit codes, wiring; nothing else knows exit codes."""
