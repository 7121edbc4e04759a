#!/usr/bin/env python3
"""Runs a program as deploy/systemd and deploy/kubernetes do: as nobody, in a machine of which nothing can be written, without a capability or a way to
one, with a filter of system calls and a bound of memory.

  launch.py FILTER MEMORY-BYTES CGROUP|- PROGRAM [OPTION…]

It becomes the program, with the same process id. What the kernel does not let it take away here is left, and whoever starts it looks at what is in force.
"""

import ctypes
import os
import resource
import sys
import tempfile
from pathlib import Path

from calls import Program

NOBODY = 65534
LIBC = ctypes.CDLL(None, use_errno=True)
NEW_NAMESPACES = 0x00020000 | 0x08000000 | 0x04000000  # of mounts, of System V's IPC, of the host's name
MS_PRIVATE, MS_REC = 1 << 18, 1 << 14
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, ATTRIBUTE_READ_ONLY = 442, -100, 0x8000, 1
DROP_BOUND, NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER, AMBIENT, CLEAR_ALL = 24, 38, 22, 2, 47, 4
LAST_CAPABILITY = 63
DESCRIPTORS = 65536


def must(result, what):
    if result != 0:
        raise SystemExit(f"launch: {what}: {os.strerror(ctypes.get_errno())}")


def readable(words):
    """Files of tests that the process is told of become its own, as an operator's would be; those of the machine stay as they are."""
    temporary = Path(tempfile.gettempdir()).resolve()
    for word in words:
        path = Path(word)
        if path.is_file() and temporary in path.resolve().parents and path.stat().st_uid != NOBODY and "/.build/" not in word:
            os.chown(path, NOBODY, NOBODY)
            os.chmod(path.parent, path.parent.stat().st_mode | 0o111)


def nothing_to_write():
    must(LIBC.unshare(NEW_NAMESPACES), "a place of its own")
    must(LIBC.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "mounts of its own")
    attributes = (ctypes.c_uint64 * 4)(ATTRIBUTE_READ_ONLY, 0, 0, 0)
    must(LIBC.syscall(MOUNT_SETATTR, AT_FDCWD, b"/", AT_RECURSIVE, ctypes.byref(attributes), ctypes.sizeof(attributes)), "a root that cannot be written")


def nobody():
    for capability in range(LAST_CAPABILITY + 1):
        LIBC.prctl(DROP_BOUND, capability, 0, 0, 0)  # those that this kernel does not have are not there to be dropped
    LIBC.prctl(AMBIENT, CLEAR_ALL, 0, 0, 0)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def filtered(instructions):
    held = ctypes.create_string_buffer(instructions, len(instructions))
    must(LIBC.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0), "no new privileges")
    must(LIBC.prctl(SET_SECCOMP, FILTER, ctypes.byref(Program(len(instructions) // 8, ctypes.addressof(held))), 0, 0), "the filter of system calls")


def main():
    instructions, memory, group, *command = Path(sys.argv[1]).read_bytes(), int(sys.argv[2]), *sys.argv[3:]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if group == "-":
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    else:
        Path(group, "cgroup.procs").write_text(str(os.getpid()))
    if os.geteuid() == 0:
        descriptors = min(DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
        readable(command[1:])
        nothing_to_write()
        nobody()
    filtered(instructions)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
