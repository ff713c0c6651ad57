"""Coverage-guided fuzzing of the encoder, and the inputs that it found worth keeping.

``make fuzz-coverage`` looks for new ones, ``make fuzz-corpus`` keeps those that are needed, and the
suite replays them on every interpreter, without the fuzzer.
"""
