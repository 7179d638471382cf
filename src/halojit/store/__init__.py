"""What was learned, kept for the next run: SQLite or PostgreSQL. Knows no LLVM, no asyncio."""
