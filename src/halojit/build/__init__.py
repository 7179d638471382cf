"""Region + recipe -> object code: a pure function, and the executor that runs it."""
