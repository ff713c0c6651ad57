"""Every interleaving of small configurations, on the shipped source of ring and contexts.

The explorer puts its own atomics in place of C's and tracks what each order makes visible, so that
an order that is too weak shows as a data race. To prove that nothing in the source is there in
vain, each decision, each step and each order is broken in turn: the explorer must notice, or, if
no interleaving is in question, the C test of the file.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from .mutants import Mutant, mutants, rewritten

ROOT = Path(__file__).parent.parent.parent
CONSUMER = ("pbf_frame.c", "pbf_group.c")
"""Files of the ring's consumer alone: no interleaving is in question, the C tests must notice."""
MUTATED = (
    "pbf_ring.c",
    "pbf_context.c",
    "pbf_context.h",
    "pbf_record.c",
    "pbf_number.c",
    *CONSUMER,
)
EXPLORED = ("pbf_ring.c", "pbf_context.c", "pbf_record.c", "pbf_encode.c")
EXPLORER = [ROOT / f"tests/csrc/explore{part}.c" for part in ("", "_model", "_search")]
SCENARIOS = [ROOT / f"tests/csrc/explore_{name}.c" for name in ("ring", "contexts", "close")]
SHIM = '-DPBF_ATOMIC_SHIM="explore_shim.h"'

# Functions in which nothing is broken, and why.
EXEMPT = {
    "pbf_ring_used": "a figure for people",
    "pbf_ring_capacity": "arithmetic, see test_ring.c",
    "pbf_ring_init": "nobody else has the ring yet",
    "hash_of": "arithmetic; any hash will do",
    "pbf_context_init": "nobody else has the table yet",
}

# Functions of one thread: they run under a lock, or in memory that no other thread has. No
# interleaving is in question, so that the C tests must notice.
ONE_THREAD = {
    "append",
    "pbf_ring_charge",
    "pbf_context_find",
    "pbf_context_add",
    "pbf_number_restart",
    "pbf_number_last",
    "encode_optional_bytes",
    "pbf_encode_parts",
    "pbf_encode_common",
}

# Faults of the ring that no interleaving is needed for, nor shows: for the C tests, too. Those of
# the contexts are not told apart: when to retire is mostly a matter of taste.
SEQUENTIAL = {
    ("pbf_ring_largest", "half > LENGTH_MASK is false"),
    ("pbf_ring_reserve", "used > limit is false"),
    # It then never starts one.
    ("pbf_ring_start_lap", "(word & ~EARLY_LAP) != position is true"),
    ("pbf_ring_start_lap", "(position & mask) == 0 is true"),
    ("pbf_ring_start_lap", "(position & mask) < past is true"),
}

# Faults that are not tried, and why.
UNTRIED = {
    ("pbf_context_find", "found->hash == hash is true"): "spares comparing bytes",
    ("pbf_context_find", "slot != 0 is true"): "never ends",
    ("pbf_number_last", "pbf_ring_next(ring, &cursor, &record) is true"): "never ends",
    ("pbf_context_end_drain", "in_vain < LOOKS_IN_VAIN is true"): "bounds the time of a drain",
    ("retire", "*link != index is true"): "never ends",
    ("pbf_context_find", "length == 0 is false"): "memcmp may not have NULL, C says",
    ("pbf_group_has_room", "size > room is true"): "the same",
    ("pbf_group_add", "size > PBF_CHUNK_SIZE - write->offset is true"): "spares a second copy",
    ("pbf_group_put", "length > 0 is true"): "never ends",
    ("pbf_group_put", "step == 0 is false"): "never ends",
    ("in_chunk", "place.offset < PBF_CHUNK_SIZE is true"): "never ends",
    ("pbf_group_next_size", "head == 1 is true"): "never ends",
    ("pbf_group_next_size", "byte > 127 is true"): "never ends",
    ("take", "length > 0 is true"): "never ends",
    ("pass", "slot != pbf_record_slot(record.tag) is true"): "spares a look-up",
    ("pass", "end.position - released >= PORTION is true"): "a matter of caches",
    ("pass", "end.position - released >= PORTION is false"): "a matter of caches",
    ("pass", "without pbf_ring_release(ring, &end);"): "a matter of caches, where it is the first",
    ("pbf_frame_bound", "slot == 0 is true"): "another guess at the next context",
    ("pbf_frame_bound", "groups->first == 0 is true"): "another guess at the next context",
    ("pbf_frame_bound", "pbf_ring_next(ring, &cursor, &record) is true"): "reads what is not set",
    ("pbf_frame_bound", "slot != 0 is true"): "slot 0 has no bytes",
    ("pbf_frame_bound", "bound > 0 is true"): "a bound may be too high",
    ("pbf_frame_bound", "bound > 0 is false"): "telemetry has the room that each event may need",
    ("pbf_frame_take", "is_ready is true"): "an empty body has no room the second time either",
    ("pbf_frame_take", "without pbf_context_seen(contexts, ring, cut.slot);"): "a matter of taste",
    ("pbf_frame_evict", "groups->first != 0 is true"): "never ends",
    ("pbf_frame_evict", "groups->first != 0 is false"): "the same: enough is free",
    ("pbf_frame_evict", "group->events == 0 is false"): "never ends",
    ("pbf_frame_evict", "pbf_ring_next(ring, &cursor, &record) is true"): "never ends",
    ("pbf_frame_evict", "cursor.records != start is true"): "a matter of taste",
    ("pbf_frame_evict", "without pbf_group_take_event(groups, NULL);"): "never ends",
    ("pbf_frame_evict", "without pbf_group_close(groups);"): "never ends",
}

# Steps in another order.
REORDERED = [
    (
        "pbf_ring.c",
        "pbf_ring_claim",
        "uint64_t released = pbf_load(&ring->released, acquire);"
        " uint64_t word = pbf_load(&ring->claim, relaxed);",
        "uint64_t word = pbf_load(&ring->claim, relaxed);"
        " uint64_t released = pbf_load(&ring->released, acquire);",
    ),
    (
        "pbf_ring.c",
        "pbf_ring_commit",
        "pbf_fetch_add(&ring->accepted, 1, relaxed);"
        " pbf_store(header_at(ring, claim->position),"
        " header_word(KIND_RECORD, claim->length, tag), release);",
        "pbf_store(header_at(ring, claim->position),"
        " header_word(KIND_RECORD, claim->length, tag), release);"
        " pbf_fetch_add(&ring->accepted, 1, relaxed);",
    ),
    (
        "pbf_ring.c",
        "pbf_block_publish",
        "pbf_fetch_add(&ring->accepted, block->records, relaxed);"
        " pbf_store(header_at(ring, block->claim.position), block->first, release);",
        "pbf_store(header_at(ring, block->claim.position), block->first, release);"
        " pbf_fetch_add(&ring->accepted, block->records, relaxed);",
    ),
    (
        "pbf_ring.c",
        "pbf_ring_release",
        "for (; position != end; position += PBF_RING_ALIGN) {"
        " pbf_atomic_u64 *word = (pbf_atomic_u64 *)(void *)(ring->storage + (position & mask));"
        " pbf_store(word, 0, relaxed); }"
        " pbf_store(&ring->released, position, release);",
        "pbf_store(&ring->released, end, release);"
        " for (; position != end; position += PBF_RING_ALIGN) {"
        " pbf_atomic_u64 *word = (pbf_atomic_u64 *)(void *)(ring->storage + (position & mask));"
        " pbf_store(word, 0, relaxed); }",
    ),
    (
        "pbf_ring.c",
        "pbf_ring_start_lap",
        "if (!pbf_compare_exchange(&ring->claim, &word, lap | EARLY_LAP, release)) return false;"
        " pbf_store(&ring->released, lap, release);",
        "pbf_store(&ring->released, lap, release);"
        " if (!pbf_compare_exchange(&ring->claim, &word, lap | EARLY_LAP, release)) return false;",
    ),
    (
        "pbf_ring.c",
        "pbf_ring_pending",
        "uint64_t taken = pbf_load(&ring->taken, acquire);"
        " return pbf_load(&ring->accepted, relaxed) - taken;",
        "uint64_t accepted = pbf_load(&ring->accepted, relaxed);"
        " return accepted - pbf_load(&ring->taken, acquire);",
    ),
    (
        "pbf_context.c",
        "retire",
        "pbf_store(&slot->version, 0, seq_cst); slot->position = pbf_ring_claimed(ring);",
        "slot->position = pbf_ring_claimed(ring); pbf_store(&slot->version, 0, seq_cst);",
    ),
    (
        "pbf_record.c",
        "pbf_record_append",
        "pbf_status status = pbf_ring_claim(ring, event->length, &claim);"
        " if (status != PBF_OK) return status;"
        " if (!pbf_context_is_live(contexts, context)) {",
        "bool live = pbf_context_is_live(contexts, context);"
        " pbf_status status = pbf_ring_claim(ring, event->length, &claim);"
        " if (status != PBF_OK) return status;"
        " if (!live) {",
    ),
]

ALL_MUTANTS = [mutant for name in MUTATED for mutant in mutants(ROOT / "csrc" / name)]
MUTANTS = [
    mutant for mutant in ALL_MUTANTS if mutant.function not in EXEMPT and mutant[1:3] not in UNTRIED
]
MUTANTS += [rewritten(ROOT / "csrc" / name, *change) for name, *change in REORDERED]

FRAMING = [
    *("pbf_ring", "pbf_context", "pbf_record", "pbf_number"),
    *("pbf_group", "pbf_frame", "pbf_encode"),
]

OF_FRAMES = ["test_frame", "test_frame_model"]

# The C tests of each file that is mutated, and what they are linked with.
TESTS = {
    "pbf_ring.c": (["test_ring", "test_block", "test_ring_model", "test_ring_race"], ["pbf_ring"]),
    "pbf_context.c": (["test_context"], ["pbf_ring", "pbf_context"]),
    "pbf_context.h": (["test_context"], ["pbf_ring", "pbf_context"]),
    "pbf_record.c": (["test_record", *OF_FRAMES], FRAMING),
    "pbf_number.c": (["test_number"], ["pbf_ring", "pbf_number"]),
    "pbf_group.c": (["test_group", "test_group_model", *OF_FRAMES], FRAMING),
    "pbf_frame.c": (["test_group", "test_group_model", *OF_FRAMES], FRAMING),
}


def compiled(source: Path, directory: Path, *options: str) -> Path:
    """Compile a source against the ``csrc`` in the directory."""
    target = directory / f"{source.stem}.o"
    command = [os.environ.get("CC", "cc"), "-std=gnu11", "-O1", "-w", "-c", *options]
    includes = ["-I", str(directory / "csrc"), "-I", str(ROOT / "tests/csrc")]
    subprocess.run([*command, *includes, str(source), "-o", str(target)], check=True)
    return target


def fails(directory: Path, objects: Iterable[Path], *arguments: str) -> str:
    """Link and run; say how it fails, or nothing if it does not."""
    binary = directory / "program"
    command = [os.environ.get("CC", "cc"), "-pthread", *map(str, objects), "-o", str(binary)]
    subprocess.run(command, check=True)
    done = subprocess.run(
        [binary, *arguments], timeout=100, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stderr or f"ended with {done.returncode}"


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The objects of the explorer and of the sources that it explores."""
    directory = tmp_path_factory.mktemp("explorer")
    shutil.copytree(ROOT / "csrc", directory / "csrc")
    sources = [*EXPLORER, *SCENARIOS]
    sources += [directory / "csrc" / name for name in EXPLORED]
    return {source.name: compiled(source, directory, SHIM) for source in sources}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """The objects of the C tests, and of what they test, by their scales and names."""
    wanted = {
        (scale_of(file), name)
        for file, (tests, parts) in TESTS.items()
        for name in (*(f"tests/csrc/{test}.c" for test in tests), *(f"csrc/{p}.c" for p in parts))
    }
    objects: dict[tuple[str, str], Path] = {}
    for scale in {scale for scale, _ in wanted}:
        directory = tmp_path_factory.mktemp("unbroken")
        shutil.copytree(ROOT / "csrc", directory / "csrc")
        objects |= {
            (scale, Path(name).stem): compiled(ROOT / name, directory, scale)
            for of, name in wanted
            if of == scale
        }
    return objects


def notice(
    mutant: Mutant,
    directory: Path,
    explorer: dict[str, Path],
    unbroken: dict[tuple[str, str], Path],
) -> str:
    """Say how the fault shows in the explorer or, if it takes no interleaving, in the C test."""
    core = directory / "csrc"
    shutil.copytree(ROOT / "csrc", core)
    (core / mutant.file).write_text(mutant.source)
    failure = ""
    explored = (
        mutant.file not in CONSUMER
        and mutant.function not in ONE_THREAD
        and mutant[1:3] not in SEQUENTIAL
    )
    if explored:
        sources = [core / mutant.file]
        if mutant.file.endswith(".h"):
            sources = [*SCENARIOS, *(core / name for name in EXPLORED)]
        changed = {source.name: compiled(source, directory, SHIM) for source in sources}
        scenarios = [] if mutant.file == "pbf_ring.c" else ["retirement"]
        failure = fails(directory, (explorer | changed).values(), *scenarios)
    if not explored or (not failure and mutant.file != "pbf_ring.c"):
        failure = in_c_test(mutant.file, directory, unbroken)
    return failure


def scale_of(file: str) -> str:
    """Return the option that says how much the C tests of the file are to do."""
    return "-DSCALE=10" if file in CONSUMER else "-DSCALE=100"


def in_c_test(file: str, directory: Path, unbroken: dict[tuple[str, str], Path]) -> str:
    """Say how the first C test of the file fails that does, with the ``csrc`` in the directory.

    Args:
        file: the one in which that differs from ours.
        directory: has it.
        unbroken: the objects of ours. Not used for a header, which is in all of them.
    """
    tests, parts = TESTS[file]
    scale, broken = scale_of(file), Path(file)

    def made(source: Path) -> Path:
        if broken.suffix == ".h" or source.name == broken.name:
            return compiled(source, directory, scale)
        return unbroken[scale, source.stem]

    objects = [made(directory / f"csrc/{part}.c") for part in parts]
    for test in tests:
        if failure := fails(directory, [made(ROOT / f"tests/csrc/{test}.c"), *objects]):
            return failure
    return ""


@pytest.fixture(scope="module")
def notices(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    explorer: dict[str, Path],
    unbroken: dict[tuple[str, str], Path],
) -> Iterator[dict[Mutant, Future[str]]]:
    """What comes of the mutants that the session asks for. They are tried side by side."""
    asked = [
        mutant
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and hasattr(item, "callspec")
        and isinstance(mutant := item.callspec.params.get("mutant"), Mutant)
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {
            mutant: pool.submit(
                notice, mutant, tmp_path_factory.mktemp("mutant"), explorer, unbroken
            )
            for mutant in asked
        }
        pool.shutdown(cancel_futures=True)


def test_every_interleaving_is_right(explorer: dict[str, Path], tmp_path: Path) -> None:
    assert not fails(tmp_path, explorer.values())


@pytest.mark.parametrize("file", TESTS)
def test_without_a_fault_no_c_test_fails(
    file: str, tmp_path: Path, unbroken: dict[tuple[str, str], Path]
) -> None:
    shutil.copytree(ROOT / "csrc", tmp_path / "csrc")
    assert not in_c_test(file, tmp_path, unbroken)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.function}: {mutant.fault}")
def test_no_fault_goes_unnoticed(mutant: Mutant, notices: dict[Mutant, Future[str]]) -> None:
    assert notices[mutant].result()


def test_what_is_treated_in_its_own_way_is_there() -> None:
    assert {mutant.function for mutant in ALL_MUTANTS} >= set(EXEMPT)
    assert {mutant.function for mutant in ALL_MUTANTS} >= ONE_THREAD
    assert {mutant[1:3] for mutant in ALL_MUTANTS} >= SEQUENTIAL | set(UNTRIED)


def test_each_decision_step_and_order_of_a_function_is_found(tmp_path: Path) -> None:
    source = tmp_path / "some.c"
    source.write_text(
        "static int f(int a)\n{\n"
        "    if (a == 1 && /* why? */\n        (g(a, 2) || b))\n"
        "        return 0;\n"
        "    pbf_store(&x, 1, seq_cst);\n"
        "    for (; a < 3; a++)\n        b = c != 4 ? 5 : 6;\n"
        "    return a > 7;\n}\n"
    )
    decisions = ["a == 1", "g(a, 2)", "b", "a < 3", "c != 4", "a > 7"]
    assert [(mutant.function, mutant.fault) for mutant in mutants(source)] == [
        *(("f", f"{decision} is {value}") for decision in decisions for value in ("true", "false")),
        ("f", "without pbf_store(&x, 1, seq_cst);"),
        ("f", "pbf_store(&x, 1, seq_cst) is relaxed"),
        ("f", "pbf_store(&x, 1, seq_cst) is not seq_cst"),
    ]
