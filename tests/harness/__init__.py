"""What integration tests share: the tools under test, a build cache, runs, servers."""
