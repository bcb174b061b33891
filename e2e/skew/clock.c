/* Loaded before the C library, it answers questions for the time of day as if the clock were wrong. */

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int failed = (int) syscall(SYS_clock_gettime, clock, now);
    const char *seconds = getenv("CLOCK_OFF_BY_SECONDS");

    if (failed == 0 && clock == CLOCK_REALTIME && seconds != NULL)
        now->tv_sec += atol(seconds);
    return failed;
}
