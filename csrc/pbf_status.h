/* The one list of what becomes of an event, and of other calls of the core. None of these is an
 * error. `RecordStatus`, which Python code sees, has the same names and values; a test compares. */
#ifndef PBF_STATUS_H
#define PBF_STATUS_H

#define PBF_MUST_CHECK __attribute__((warn_unused_result))

/* What every track() runs, side by side: so it lies in few pages and lines. */
#define PBF_HOT_CODE __attribute__((hot))

typedef enum {
    PBF_OK,        /* recorded; done */
    PBF_FULL,      /* no room now */
    PBF_TOO_LARGE, /* no room ever */
    PBF_CLOSED,    /* no room any more */
    PBF_STALE,     /* the context was retired: intern it again, then repeat (see pbf_context.h) */
    PBF_INVALID,   /* text that Unicode does not know */

    /* Not of the core, which never returns them, but of the engine and track(). */
    PBF_FORKED,      /* this process is a child of the one that made the buffer */
    PBF_REENTRANT,   /* tracked from within the SDK's own work, which takes no events */
    PBF_FALL_BACK,   /* not encoded here: left to the event's own serialize_*() methods */
    PBF_INTERRUPTED, /* a Python exception is set that is no Exception, such as KeyboardInterrupt */
} pbf_status;

#endif
