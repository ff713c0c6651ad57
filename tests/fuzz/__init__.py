"""Coverage-guided fuzzing of the encoder, and its corpus.

``make fuzz-coverage`` looks for new inputs. ``make fuzz-corpus`` keeps the fewest that cover the
same code. The test suite replays the corpus on every interpreter, without the fuzzer.
"""
