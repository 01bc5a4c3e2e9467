"""Long runs, started by `scripts/soak NAME`; their results are kept in docs/soak.md."""
