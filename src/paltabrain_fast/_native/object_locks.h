/* The locks that a free-threaded interpreter has in each object, after a fork. */
#ifndef PBF_OBJECT_LOCKS_H
#define PBF_OBJECT_LOCKS_H

/* Frees the locks of objects that the parent's threads held at the fork. Called in a forked child
 * that has one thread, with an attached thread state. Does nothing where there is a GIL. */
void pbf_free_object_locks(void);

#endif
