"""Run in the place of a process of the cluster: tries what it must not be able to do, and prints what it could all the same, a line each.

  probe.py            everything but memory
  probe.py BYTES      takes so much memory, which ends it
"""

import ctypes
import mmap
import os
import socket
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
READ, WRITE, EXECUTE = 1, 2, 4


def writes(folder):
    with open(os.path.join(folder, "apus-probe"), "w"):
        pass


def calls(name, *arguments):
    if getattr(LIBC, name)(*arguments) in (-1, None):
        raise OSError(ctypes.get_errno(), name)


TRIES = {
    **{f"write into {folder}": lambda folder=folder: writes(folder) for folder in ("/", "/tmp", "/var/tmp", "/dev/shm", os.getcwd())},
    "become root": lambda: os.setuid(0),
    "mount": lambda: calls("mount", b"none", b"/mnt", b"tmpfs", 0, None),
    "make namespaces": lambda: calls("unshare", 0x10000000),
    "open a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "open a packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "open a netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "have memory that is written and run": lambda: mmap.mmap(-1, 4096, prot=READ | WRITE | EXECUTE),
    "trace another process": lambda: calls("ptrace", 16, 1, 0, 0),
    "change its personality": lambda: calls("personality", 0x0040000),
    "set the clock": lambda: calls("clock_settime", 0, ctypes.byref((ctypes.c_long * 2)(0, 0))),
    "read the kernel's keys": lambda: calls("syscall", 250, 0, 0, 0, 0, 0),
    "leave a core": lambda: calls("setrlimit", 4, ctypes.byref((ctypes.c_ulong * 2)(1 << 30, 1 << 30))),
}  # fmt: skip


def main():
    if len(sys.argv) > 1:
        held = bytearray(int(sys.argv[1]))
        held[:: mmap.PAGESIZE] = b"x" * len(held[:: mmap.PAGESIZE])
        print(f"have {len(held)} bytes of memory")
        return
    for what, act in TRIES.items():
        try:
            act()
        except OSError:
            continue
        print(what)
    print("probed")


if __name__ == "__main__":
    main()
