#define _GNU_SOURCE
#include "csys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static __thread void *current_loop;

void *apus_current_loop(void) { return current_loop; }
void apus_set_current_loop(void *loop) { current_loop = loop; }

int apus_epoll_create(void) {
    int descriptor = epoll_create1(EPOLL_CLOEXEC);
    return descriptor < 0 ? -errno : descriptor;
}

static int control(int epoll, int operation, int descriptor, uint32_t interest, uint64_t token) {
    // RDHUP is always armed: the end of an idle peer must be seen at once.
    struct epoll_event event = {.events = (interest & APUS_HANGUP_KNOWN) ? 0 : EPOLLRDHUP, .data = {.u64 = token}};
    if (interest & APUS_READABLE) event.events |= EPOLLIN;
    if (interest & APUS_WRITABLE) event.events |= EPOLLOUT;
    return epoll_ctl(epoll, operation, descriptor, &event) < 0 ? -errno : 0;
}

int apus_epoll_add(int epoll, int descriptor, uint32_t interest, uint64_t token) {
    return control(epoll, EPOLL_CTL_ADD, descriptor, interest, token);
}

int apus_epoll_change(int epoll, int descriptor, uint32_t interest, uint64_t token) {
    return control(epoll, EPOLL_CTL_MOD, descriptor, interest, token);
}

int apus_epoll_remove(int epoll, int descriptor) { return control(epoll, EPOLL_CTL_DEL, descriptor, 0, 0); }

int apus_epoll_wait(int epoll, struct apus_event *events, int capacity, int64_t microseconds) {
    struct epoll_event ready[256];
    if (capacity > 256) capacity = 256;
    // Rounded up: waking early would spin until the timer is due.
    int64_t milliseconds = microseconds < 0 ? -1 : (microseconds + 999) / 1000;
    if (milliseconds > 60 * 1000) milliseconds = 60 * 1000;
    int count = epoll_wait(epoll, ready, capacity, (int)milliseconds);
    if (count < 0) return -errno;
    for (int index = 0; index < count; index++) {
        uint32_t bits = ready[index].events;
        events[index].token = ready[index].data.u64;
        events[index].events = ((bits & EPOLLIN) ? APUS_READABLE : 0) | ((bits & EPOLLOUT) ? APUS_WRITABLE : 0) |
                               ((bits & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) ? APUS_HANGUP : 0) |
                               ((bits & (EPOLLHUP | EPOLLERR)) ? APUS_BROKEN : 0);
    }
    return count;
}

void apus_keep_allocations(int reused, int kept) {
    mallopt(M_MMAP_THRESHOLD, reused);
    mallopt(M_TRIM_THRESHOLD, kept);
}

void apus_give_back_memory(void) { malloc_trim(0); }

int apus_eventfd_create(void) {
    int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

void apus_eventfd_signal(int descriptor) {
    uint64_t one = 1;
    // Fails only when the counter is full, and then the loop is woken anyway.
    ssize_t ignored = write(descriptor, &one, sizeof one);
    (void)ignored;
}

void apus_eventfd_clear(int descriptor) {
    uint64_t count;
    ssize_t ignored = read(descriptor, &count, sizeof count);
    (void)ignored;
}

int apus_timer_create(void) {
    int descriptor = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

int apus_timer_set(int descriptor, int64_t nanoseconds) {
    // Zero would stop it.
    if (nanoseconds < 1) nanoseconds = 1;
    struct itimerspec moment = {.it_value = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000}};
    return timerfd_settime(descriptor, TFD_TIMER_ABSTIME, &moment, NULL) < 0 ? -errno : 0;
}

int64_t apus_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t apus_wall_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int apus_random_bytes(void *bytes, size_t count) {
    unsigned char *at = bytes;
    while (count > 0) {
        ssize_t got = getrandom(at, count, 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        at += got;
        count -= (size_t)got;
    }
    return 0;
}

void apus_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define APUS_THREAD_SANITIZER 1
#endif
#endif

int apus_join_thread(unsigned long thread, int64_t nanoseconds) {
    struct timespec until;
#ifdef APUS_THREAD_SANITIZER
    // It does not see that a thread has ended which is joined by the monotonic clock, and stops at the next one in its place.
    int64_t sum = apus_wall_nanoseconds() + nanoseconds;
    until = (struct timespec){sum / 1000000000, sum % 1000000000};
    int status = pthread_timedjoin_np((pthread_t)thread, NULL, &until);
#else
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t sum = until.tv_nsec + nanoseconds;
    until.tv_sec += sum / 1000000000;
    until.tv_nsec = sum % 1000000000;
    int status = pthread_clockjoin_np((pthread_t)thread, NULL, CLOCK_MONOTONIC, &until);
#endif
    if (status != 0) pthread_detach((pthread_t)thread);
    return -status;
}

// A numeric address; never a question to a name server, which would block the loop. 0 or -errno.
static int numeric_address(const char *host, uint16_t port, struct sockaddr_storage *address, socklen_t *length) {
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *found = NULL;
    if (getaddrinfo(host, NULL, &hints, &found) != 0 || found == NULL) return -EADDRNOTAVAIL;
    memcpy(address, found->ai_addr, found->ai_addrlen);
    *length = found->ai_addrlen;
    freeaddrinfo(found);
    if (address->ss_family == AF_INET) ((struct sockaddr_in *)address)->sin_port = htons(port);
    if (address->ss_family == AF_INET6) ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
    return 0;
}

static int set(int descriptor, int level, int option, int value) {
    return setsockopt(descriptor, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

// Of every connection: accepted ones inherit them from the listening socket.
static int set_connection_options(int descriptor, const struct apus_tcp_options *options) {
    int status = set(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    if (status == 0) status = set(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, options->not_sent_bytes);
    if (status == 0) status = set(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, options->unacknowledged_milliseconds);
    if (status == 0) status = set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
    if (status == 0) status = set(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, options->silent_seconds);
    if (status == 0) status = set(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, options->silent_seconds);
    return status;
}

static int tcp_socket(const char *host, uint16_t port, const struct apus_tcp_options *options, struct sockaddr_storage *address,
                      socklen_t *length) {
    int status = numeric_address(host, port, address, length);
    if (status < 0) return status;
    int descriptor = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -errno;
    status = set_connection_options(descriptor, options);
    if (status < 0) {
        close(descriptor);
        return status;
    }
    return descriptor;
}

int apus_tcp_listen(const char *host, uint16_t port, int backlog, int shares_port, const struct apus_tcp_options *options) {
    struct sockaddr_storage address;
    socklen_t length;
    int descriptor = tcp_socket(host, port, options, &address, &length);
    if (descriptor < 0) return descriptor;
    int status = set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
    if (status == 0 && shares_port) status = set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
    if (status == 0 && bind(descriptor, (struct sockaddr *)&address, length) < 0) status = -errno;
    if (status == 0 && listen(descriptor, backlog) < 0) status = -errno;
    if (status < 0) {
        close(descriptor);
        return status;
    }
    return descriptor;
}

int apus_tcp_port(int descriptor) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getsockname(descriptor, (struct sockaddr *)&address, &length) < 0) return -errno;
    if (address.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&address)->sin_port);
    if (address.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return -EAFNOSUPPORT;
}

static int is_loopback(const struct sockaddr_storage *address) {
    if (address->ss_family == AF_INET) return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
    if (address->ss_family != AF_INET6) return 0;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

int apus_tcp_accept(int listener, int *loopback) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int descriptor = accept4(listener, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) return -errno;
    *loopback = is_loopback(&address);
    return descriptor;
}

int apus_tcp_connect(const char *host, uint16_t port, const struct apus_tcp_options *options) {
    struct sockaddr_storage address;
    socklen_t length;
    int descriptor = tcp_socket(host, port, options, &address, &length);
    if (descriptor < 0) return descriptor;
    if (connect(descriptor, (struct sockaddr *)&address, length) < 0 && errno != EINPROGRESS) {
        int status = -errno;
        close(descriptor);
        return status;
    }
    return descriptor;
}

int apus_tcp_error(int descriptor) {
    int error = 0;
    socklen_t length = sizeof error;
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? errno : error;
}

void apus_tcp_keep_unsent(int descriptor, int bytes) {
    // It fails for a connection that is gone, and whoever sends hears of that.
    (void)set(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, bytes);
}

int apus_tcp_end(int descriptor, int remote, char *text, size_t capacity) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    text[0] = 0;
    int status = remote ? getpeername(descriptor, (struct sockaddr *)&address, &length)
                        : getsockname(descriptor, (struct sockaddr *)&address, &length);
    if (status < 0) return -errno;
    if (getnameinfo((struct sockaddr *)&address, length, text, (socklen_t)capacity, NULL, 0, NI_NUMERICHOST) != 0) text[0] = 0;
    if (address.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&address)->sin_port);
    if (address.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return -EAFNOSUPPORT;
}

int64_t apus_receive(int descriptor, void *bytes, size_t capacity) {
    ssize_t count;
    do count = recv(descriptor, bytes, capacity, 0);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

int64_t apus_send(int descriptor, const void *bytes, size_t count) {
    ssize_t taken;
    do taken = send(descriptor, bytes, count, MSG_NOSIGNAL);
    while (taken < 0 && errno == EINTR);
    return taken < 0 ? -errno : taken;
}

int apus_finish_sending(int descriptor) { return shutdown(descriptor, SHUT_WR) < 0 ? -errno : 0; }

void apus_close(int descriptor, int resets) {
    if (resets) {
        struct linger now = {.l_onoff = 1, .l_linger = 0};
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    close(descriptor);
}

int64_t apus_receive_blocking(int descriptor, void *bytes, size_t capacity, int waits) {
    ssize_t count;
    do count = recv(descriptor, bytes, capacity, waits ? 0 : MSG_DONTWAIT);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

int apus_wait_for_hangup(int descriptor, int64_t nanoseconds) {
    struct pollfd watched = {.fd = descriptor, .events = POLLRDHUP};
    struct timespec time = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    return ppoll(&watched, 1, &time, NULL) > 0;
}

int apus_socket_pair(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0 ? -errno : 0;
}

int apus_never_block(int descriptor) { return fcntl(descriptor, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0; }

int apus_spawn(const char *path, char *const arguments[], char *const environment[], int socket, int errors) {
    enum { child_socket = 3 };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t signals;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    // In this order: no descriptor is replaced before it was copied.
    int status = posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
    if (status == 0) status = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    if (status == 0) status = posix_spawn_file_actions_adddup2(&actions, socket, child_socket);
    if (status == 0) status = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (status == 0) status = posix_spawn_file_actions_addclosefrom_np(&actions, child_socket + 1);
    // A thread's mask and what this process ignores are inherited otherwise.
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    // A session of its own: what a terminal sends to this process is this process's to pass on.
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    pid_t child = 0;
    if (status == 0) status = posix_spawn(&child, path, &actions, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return status == 0 ? child : -status;
}

int apus_watch_process(int process) {
    int descriptor = pidfd_open(process, 0);
    return descriptor < 0 ? -errno : descriptor;
}

int apus_reap(int process, int *status) {
    pid_t ended;
    do ended = waitpid(process, status, WNOHANG);
    while (ended < 0 && errno == EINTR);
    return ended < 0 ? -errno : ended == process;
}

void apus_kill_process(int process) { kill(process, SIGKILL); }

void apus_end_with_parent(void) { prctl(PR_SET_PDEATHSIG, SIGKILL); }

char **apus_environment(void) { return environ; }
