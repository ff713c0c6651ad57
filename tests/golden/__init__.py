"""Golden bytes: events as the original SDK serializes them, to compare with ours."""
