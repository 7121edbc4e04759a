// What Swift's Glibc module does not offer, or offers with awkward types: epoll, eventfd, a thread-local pointer, clocks, random bytes, TCP.
// _GNU_SOURCE is defined in the .c file only: in this header it would redefine fd_set for the whole module.
#pragma once
#include <stddef.h>
#include <stdint.h>

// One ready descriptor. `token` is what was given to apus_epoll_add.
struct apus_event {
    uint32_t events;
    uint64_t token;
};

enum {
    APUS_READABLE = 1,
    APUS_WRITABLE = 2,
    APUS_HANGUP = 4, // the peer has closed its side, or the descriptor is in error
    APUS_BROKEN = 8, // of those: nothing can be sent any more either
    APUS_HANGUP_KNOWN = 16, // in an interest: do not tell again that the peer has closed its side
};

int apus_epoll_create(void);
// Add, change or remove; 0 or -errno.
int apus_epoll_add(int epoll, int descriptor, uint32_t interest, uint64_t token);
int apus_epoll_change(int epoll, int descriptor, uint32_t interest, uint64_t token);
int apus_epoll_remove(int epoll, int descriptor);
// Waits at most `microseconds` (negative: for ever); the number of events, or -errno.
int apus_epoll_wait(int epoll, struct apus_event *events, int capacity, int64_t microseconds);

// Allocations below `reused` bytes come from the heap, and up to `kept` bytes of it stay with the process when they are free.
void apus_keep_allocations(int reused, int kept);
// Gives the system all whole pages that the allocator holds and nobody uses. Takes the allocator's locks for some milliseconds a gigabyte.
void apus_give_back_memory(void);

int apus_eventfd_create(void);
void apus_eventfd_signal(int descriptor);
void apus_eventfd_clear(int descriptor);

// A descriptor that is readable from a moment of the monotonic clock on. It is cleared as an eventfd is.
int apus_timer_create(void);
// 0 or -errno.
int apus_timer_set(int descriptor, int64_t nanoseconds);

int64_t apus_monotonic_nanoseconds(void);
int64_t apus_wall_nanoseconds(void);
// Fills from the kernel's generator; 0 or -errno.
int apus_random_bytes(void *bytes, size_t count);

// The loop that owns the calling thread, or NULL.
void *apus_current_loop(void);
void apus_set_current_loop(void *loop);

void apus_name_thread(const char *name);

// Waits for the thread's end, at most so long; then it is left to itself. 0 or -errno.
int apus_join_thread(unsigned long thread, int64_t nanoseconds);

// What the kernel does for a connection by itself.
struct apus_tcp_options {
    // Beyond this much that it has not sent yet it takes no more.
    int not_sent_bytes;
    // Sent and not acknowledged for this long: the peer is gone.
    int unacknowledged_milliseconds;
    // After this long without a byte it asks whether the peer is there, and again as often.
    int silent_seconds;
};

// Hosts are numeric addresses of either family; others give -EADDRNOTAVAIL. All descriptors do not block and close on exec.
int apus_tcp_listen(const char *host, uint16_t port, int backlog, int shares_port, const struct apus_tcp_options *options);
int apus_tcp_port(int descriptor);
int apus_tcp_accept(int listener, int *loopback);
// Begins to connect: writable when that has ended, and apus_tcp_error tells how.
int apus_tcp_connect(const char *host, uint16_t port, const struct apus_tcp_options *options);
int apus_tcp_error(int descriptor);
// How many bytes the kernel takes of this connection's without having sent them, in place of `not_sent_bytes`.
void apus_tcp_keep_unsent(int descriptor, int bytes);
// The port of one end of a connection, and its numeric address as text; -errno and no text when it is gone.
int apus_tcp_end(int descriptor, int remote, char *text, size_t capacity);
// The number of bytes, 0 at the end, or -errno. Sending raises no signal.
int64_t apus_receive(int descriptor, void *bytes, size_t capacity);
int64_t apus_send(int descriptor, const void *bytes, size_t count);
int apus_finish_sending(int descriptor);
// Bytes that were taken still leave, unless it resets.
void apus_close(int descriptor, int resets);

// As apus_receive, for a descriptor of either kind; without `waits` -EAGAIN where nothing is there.
int64_t apus_receive_blocking(int descriptor, void *bytes, size_t capacity, int waits);
// Waits at most so long; 1 when the other side is gone or cannot be told from that, 0 otherwise.
int apus_wait_for_hangup(int descriptor, int64_t nanoseconds);

// Two connected ends that block, closed on exec. 0 or -errno.
int apus_socket_pair(int ends[2]);
// The descriptor does not block any more. 0 or -errno.
int apus_never_block(int descriptor);
// Starts the program at `path` in a session of its own, with `socket` as its descriptor 3, `errors` as its standard output and error, nothing to
// read, and no other descriptor of this process. `arguments` and `environment` end with NULL. The process, or -errno.
int apus_spawn(const char *path, char *const arguments[], char *const environment[], int socket, int errors);
// A descriptor that is readable when the process has ended, or -errno. It is closed by apus_close.
int apus_watch_process(int process);
// 1 and how it ended when it has, as waitpid says it; 0 while it runs; -errno.
int apus_reap(int process, int *status);
// Only before apus_reap has said that it ended: after that the number may be another's.
void apus_kill_process(int process);
// This process is killed when the thread that started it ends.
void apus_end_with_parent(void);
// The variables of this process's environment, ended by NULL.
char **apus_environment(void);
