"""Facts: events as the original SDK serializes them, to be compared with ours."""
