/* To be loaded before libc: the name slow.test is resolved for as long as the program wants. It
 * names the ends of two pipes in its environment: one that tells it that a thread is resolving, and
 * one that ends that. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    if (name != NULL && strcmp(name, "slow.test") == 0) {
        struct pollfd release = {.fd = atoi(getenv("SLOW_NAME_RELEASE")), .events = POLLIN};

        if (write(atoi(getenv("SLOW_NAME_ENTERED")), "x", 1) == 1)
            poll(&release, 1, -1);
        return EAI_NONAME;
    }
    return ((resolver *)dlsym(RTLD_NEXT, "getaddrinfo"))(name, service, hints, result);
}
