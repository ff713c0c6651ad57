/* What the functions of the core answer. None of these is an error of theirs. */
#ifndef PBF_STATUS_H
#define PBF_STATUS_H

#define PBF_MUST_CHECK __attribute__((warn_unused_result))

typedef enum {
    PBF_OK,
    PBF_FULL,      /* no room now */
    PBF_TOO_LARGE, /* no room ever */
    PBF_CLOSED,    /* no room any more */
    PBF_STALE,     /* the context was retired: intern it again, then repeat (see pbf_context.h) */
    PBF_INVALID,   /* text that Unicode does not know */
} pbf_status;

#endif
