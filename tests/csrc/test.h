/* What the C tests share: checks that say where they failed, a seeded generator, and memory with
 * canaries behind it. A test program is a main that calls its tests and returns 0. */
#ifndef TEST_H
#define TEST_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s: not true: %s\n", __FILE__, __LINE__, __func__, \
                    #condition); \
            exit(1); \
        } \
    } while (0)

#define CHECK_EQUAL(actual, expected) \
    do { \
        uint64_t actual_ = (uint64_t)(actual), expected_ = (uint64_t)(expected); \
        if (actual_ != expected_) { \
            fprintf(stderr, "%s:%d: %s: %s is %llu, not %llu\n", __FILE__, __LINE__, __func__, \
                    #actual, (unsigned long long)actual_, (unsigned long long)expected_); \
            exit(1); \
        } \
    } while (0)

/* xorshift64: the same numbers for the same seed, which must not be 0. */
static inline uint64_t test_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

enum { TEST_CANARY_LENGTH = 64, TEST_CANARY = 0xA5 };

/* Returns `length` zero bytes, aligned for a ring, with canaries behind them. */
static inline void *test_memory(size_t length)
{
    size_t whole = (length + TEST_CANARY_LENGTH + 127) / 128 * 128;
    uint8_t *memory = aligned_alloc(128, whole);

    CHECK(memory != NULL);
    memset(memory, 0, length);
    memset(memory + length, TEST_CANARY, TEST_CANARY_LENGTH);
    return memory;
}

/* Checks the canaries, and frees. */
static inline void test_free(void *memory, size_t length)
{
    const uint8_t *canary = (const uint8_t *)memory + length;

    for (size_t i = 0; i < TEST_CANARY_LENGTH; i++)
        CHECK_EQUAL(canary[i], TEST_CANARY);
    free(memory);
}

#endif
