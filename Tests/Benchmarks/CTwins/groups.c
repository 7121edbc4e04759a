#include "include/ctwins.h"
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

enum { most = 64 };
static _Atomic int guarded[most];

static void end_groups(int number)
{
    for (int place = 0; place < most; place++) {
        int group = guarded[place];
        if (group > 0) kill(-group, SIGKILL);
    }
    // The handler was reset when it was called: this ends the process as the signal does.
    raise(number);
}

bool ctwins_guard_group(int group)
{
    static atomic_bool is_set;
    if (!atomic_exchange(&is_set, true)) {
        struct sigaction action = {.sa_handler = end_groups, .sa_flags = (int)SA_RESETHAND};
        sigemptyset(&action.sa_mask);
        const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
        for (size_t place = 0; place < sizeof numbers / sizeof *numbers; place++) sigaction(numbers[place], &action, NULL);
    }
    for (int place = 0; place < most; place++) {
        int nobody = 0;
        if (atomic_compare_exchange_strong(&guarded[place], &nobody, group)) return true;
    }
    return false;
}

void ctwins_release_group(int group)
{
    for (int place = 0; place < most; place++) {
        int known = group;
        atomic_compare_exchange_strong(&guarded[place], &known, 0);
    }
}
